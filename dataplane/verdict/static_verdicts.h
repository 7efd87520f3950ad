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
    const auto best = most_specific(address, wall_s);
    Verdict out = best[0] != nullptr ? said(*best[0]) : Verdict{.treatment = default_treatment_};
    for (size_t i = 1; i < kSenderSwitches; ++i) {
      if (best[i] != nullptr) out = strictest(out, said(*best[i]));
    }
    return out;
  }

  Entry entry(const IpAddress& source, const IpAddress& destination,
              uint64_t wall_s) const override {
    const auto treatment = [&](const IpAddress& address, Switch of) -> std::optional<Treatment> {
      const Held* found = most_specific(address, wall_s)[static_cast<size_t>(of)];
      if (found == nullptr) return std::nullopt;
      return found->verdict.treatment;
    };
    return entry_of(treatment(destination, Switch::kInboundGuard),
                    treatment(source, Switch::kInboundSource));
  }

 private:
  struct Held {
    explicit Held(const PrefixVerdict& v) : verdict(v) {}
    PrefixVerdict verdict;
    mutable ThrottleBucket bucket;
  };
  // By switch; null: it says nothing.
  std::array<const Held*, kSwitches> most_specific(const IpAddress& address,
                                                   uint64_t wall_s) const {
    std::array<const Held*, kSwitches> best{};
    for (const Held& held : entries_) {
      const PrefixVerdict& v = held.verdict;
      if (!v.prefix.contains(address)) continue;
      if (v.expires_unix_s != 0 && v.expires_unix_s <= wall_s) continue;
      const Held*& of = best[static_cast<size_t>(v.of)];
      if (of == nullptr || v.prefix.length >= of->verdict.prefix.length) of = &held;
    }
    return best;
  }
  static Verdict said(const Held& held) {
    const PrefixVerdict& v = held.verdict;
    return {v.treatment,      v.messages_per_minute,
            v.case_reference, v.treatment == Treatment::kThrottle ? &held.bucket : nullptr,
            v.starttls,       v.of};
  }
  Treatment default_treatment_;
  std::deque<Held> entries_;  // never moves an entry: workers hold its bucket
};

}  // namespace postern::verdict
