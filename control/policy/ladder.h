// Which rung of the ladder a server, or a part of its mail, stands on by what it did.
//
// Narrowest first: when most of a server's spam (Settings::separation) belongs to a few of its
// users, or was handed in by a few addresses, each of these is judged by its own mail, and the
// server by what is left. Parts can be observed, held and blocked; the other steps are about
// servers.
//
// Pure: from counts and settings alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/policy/settings.h"
#include "control/policy/windows.h"

namespace postern::policy {

// What is known of a sender's usual volume.
struct Volume {
  uint64_t messages_per_day = 0;  // 0: nothing is known
};

struct Finding {
  SenderPart part = {};  // whole: the server
  ledger::Step step = ledger::Step::kObserve;
  uint64_t holds_for_s = 0;
  std::string reason =
      {};  // one clause with figures: "20 different spam messages in 30m, 95 % of …"
};

// At most one for each part and one for the server; none where nothing is to be done. `blocked`:
// parts that are blocked by themselves, whose mail is not the server's.
std::vector<Finding> judge(const ServerWindow& window, const Volume& volume,
                           const Settings& settings, const std::vector<SenderPart>& blocked,
                           uint64_t now_s);

}  // namespace postern::policy
