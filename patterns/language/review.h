// What a rule set says that its author hardly meant.
//
// Theory of operation. A rule set that reads without an error may still hold rules that can never
// hit, hit always, stand twice, or cost much. A remark is a strong hint, not a proof; it names file
// and line and what to do. An expression that matches the empty text and each of a few unlike ones
// is said to match every text; one whose anchors contradict each other in plain sight to match
// none. What hides better is not found, and a rule that is meant to hit always may stay as it is.
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
