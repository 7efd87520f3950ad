// Verdicts that never change: for `postern inspect`, tests and benchmarks.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>

#include "dataplane/verdict/verdict.h"

namespace postern::verdict {

// Set up on one thread, then looked up from any.
class StaticVerdicts : public VerdictSource {
 public:
  explicit StaticVerdicts(Treatment default_treatment = Treatment::kInspect)
      : default_treatment_(default_treatment) {}

  void add(const PrefixVerdict& verdict) { entries_.emplace_back(verdict); }

  Verdict lookup(const IpAddress& address, uint64_t wall_s) const override {
    const Entry* best = nullptr;
    for (const Entry& entry : entries_) {
      const PrefixVerdict& v = entry.verdict;
      if (!v.prefix.contains(address)) continue;
      if (v.expires_unix_s != 0 && v.expires_unix_s <= wall_s) continue;
      if (best == nullptr || v.prefix.length >= best->verdict.prefix.length) best = &entry;
    }
    if (best == nullptr) return {.treatment = default_treatment_};
    const PrefixVerdict& v = best->verdict;
    return {v.treatment, v.messages_per_minute, v.case_reference,
            v.treatment == Treatment::kThrottle ? &best->bucket : nullptr, v.starttls};
  }

 private:
  struct Entry {
    explicit Entry(const PrefixVerdict& v) : verdict(v) {}
    PrefixVerdict verdict;
    mutable ThrottleBucket bucket;
  };
  Treatment default_treatment_;
  std::deque<Entry> entries_;  // never moves an entry: workers hold its bucket
};

}  // namespace postern::verdict
