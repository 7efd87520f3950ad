// What the policy does, and when: the ladder, as the operator writes it.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/ip.h"
#include "control/ledger/cases.h"

namespace postern::policy {

// A rung is stepped on when one of its conditions holds; 0: it is not asked.
struct Rung {
  ledger::Step step = ledger::Step::kObserve;
  bool enabled = true;
  uint64_t window_s = 600;
  uint64_t spam = 0;  // different messages, of which at least `share` of all different ones
  double share = 0;
  uint64_t rejected = 0;      // recipients that servers did not take
  uint64_t null_senders = 0;  // messages
  uint64_t failed_logins = 0;
  uint64_t attempts = 0;     // blocked unread
  double volume = 0;         // times what it sends usually, in an hour
  uint64_t holds_for_s = 0;  // 0: until it is given back
};

struct Settings {
  bool enabled = true;
  bool shadow = false;
  std::vector<IpPrefix> exempt = {};
  std::vector<Rung> ladder = {};      // by step: observe, throttle, hold, block, revoke
  uint32_t messages_per_minute = 10;  // of a throttled sender whose customer has no rate of its own
  // A sender that is known to send so many messages a day is asked for twice the counts at twice as
  // many, three times at three times, up to twenty times; 0: all are asked for the same.
  uint64_t large_sender = 10'000;
  // Parts of one kind to which so much of the spam belongs separate the guilty from the rest.
  double separation = 0.8;
  uint32_t most_parts = 3;
  // So many blocked servers in one /24 (IPv6: /64), and the range is proposed for exclusion; 0:
  // never.
  uint32_t range_servers = 3;
  uint32_t evidence = 50;              // messages kept for each case
  uint64_t close_after_s = 24 * 3600;  // what only observed, throttled or held, and is quiet
};

// Keys of the section [policy] and of those of its rungs.
const std::vector<ConfigKey>& config_keys();
// The error names the key and says what may stand there.
std::expected<Settings, std::string> read_settings(const ConfigValues& config);
// The ladder that is shipped.
Settings usual_settings();

}  // namespace postern::policy
