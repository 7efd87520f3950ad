// Verdicts that never change: for `postern inspect`, tests and benchmarks.
#pragma once

#include <algorithm>
#include <array>
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
    std::array<const Entry*, kSwitches> best{};
    for (const Entry& entry : entries_) {
      const PrefixVerdict& v = entry.verdict;
      if (!v.prefix.contains(address)) continue;
      if (v.expires_unix_s != 0 && v.expires_unix_s <= wall_s) continue;
      const Entry*& of = best[static_cast<size_t>(v.of)];
      if (of == nullptr || v.prefix.length >= of->verdict.prefix.length) of = &entry;
    }
    Verdict out = best[0] != nullptr ? said(*best[0]) : Verdict{.treatment = default_treatment_};
    for (size_t i = 1; i < kSwitches; ++i) {
      if (best[i] != nullptr) out = strictest(out, said(*best[i]));
    }
    return out;
  }

 private:
  struct Entry {
    explicit Entry(const PrefixVerdict& v) : verdict(v) {}
    PrefixVerdict verdict;
    mutable ThrottleBucket bucket;
  };
  static Verdict said(const Entry& entry) {
    const PrefixVerdict& v = entry.verdict;
    return {v.treatment,      v.messages_per_minute,
            v.case_reference, v.treatment == Treatment::kThrottle ? &entry.bucket : nullptr,
            v.starttls,       v.of};
  }
  Treatment default_treatment_;
  std::deque<Entry> entries_;  // never moves an entry: workers hold its bucket
};

}  // namespace postern::verdict
