// What a rule set says that its author hardly meant.
//
// Theory of operation. A rule set that reads without an error may still hold rules that can never
// hit, hit always, stand twice, or cost much. Each remark here is proved, or an estimate that says
// so; it names file and line and what to do. Proofs are cheap ones: an expression that matches
// the empty text matches everything; one that PCRE2 itself finds to need more than an element ever
// holds, or whose anchors contradict each other, matches nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "patterns/language/rule.h"

namespace postern::language {

enum class RemarkKind : uint8_t {
  kNeverMatches,
  kAlwaysMatches,
  kDuplicate,  // the same test under two names
  kDear,       // likely to cost much
  kNotRun,
};
inline constexpr std::string_view kRemarkKindNames[] = {"never_matches", "always_matches",
                                                        "duplicate", "dear", "not_run"};

struct Remark {
  RemarkKind kind = RemarkKind::kNeverMatches;
  std::string rule;
  Place place;
  std::string what;
};

// In order of the rules.
std::vector<Remark> review(const RuleSet& set);

}  // namespace postern::language
