// What a ladder would have done about events that are over.
#pragma once

#include <span>
#include <vector>

#include "control/policy/ladder.h"

namespace postern::policy {

struct WouldHave {
  uint64_t at_unix_s = 0;
  IpAddress server = {};
  Finding finding = {};
};

// Each step upward of each sender or part of one, once. Volumes are not known, verdicts of others
// are not looked at; a part that would be blocked is taken for blocked from then on. `events`:
// oldest first.
std::vector<WouldHave> replay(std::span<const channel::v1::Event> events, const Settings& settings);

}  // namespace postern::policy
