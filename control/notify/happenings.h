// What befalls a case and is told, as a table.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace postern::notify {

struct HappeningKind {
  std::string_view what;  // as rooms tell it, and as templates are named
  std::string_view text;  // for people: "The case was …"
  bool to_customer;       // else to the operator alone
  bool at_once;           // no digest waits for more
  bool is_report;         // spam came: the reports for machines go along
};

inline constexpr std::array<HappeningKind, 9> kHappenings{{
    {"opened", "a case was opened", true, true, true},
    {"escalated", "more was restricted, because spam went on", true, false, true},
    {"widened", "the block was widened", true, false, true},
    {"relapsed", "spam came again, and the restrictions with it", true, false, true},
    {"requested", "restoration was requested", false, true, false},
    {"proposed", "the exclusion of its range is proposed", false, true, false},
    {"restored", "restrictions were lifted", true, false, false},
    {"probation", "all restrictions were lifted; probation began", true, false, false},
    {"closed", "the case was closed", true, false, false},
}};

// Nothing: it is not told, and stands in the case's history alone ("quota raised").
inline const HappeningKind* find_happening(std::string_view what) {
  const auto* found = std::ranges::find(kHappenings, what, &HappeningKind::what);
  return found == kHappenings.end() ? nullptr : found;
}

}  // namespace postern::notify
