// What the configuration says about probes.
#pragma once

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/ip.h"

namespace postern::probe {

struct Settings {
  std::string domain = {};     // empty: servers are not tried for relaying
  std::string recipient = {};  // at that domain, unless another is given
  std::string helo = {};
  std::optional<IpAddress> source = {};
  std::chrono::milliseconds timeout = std::chrono::seconds(20);        // for one port
  std::chrono::milliseconds relay_timeout = std::chrono::seconds(60);  // for the relay probe
  std::chrono::seconds between = std::chrono::minutes(10);             // two probes of one address
  uint32_t per_hour = 30;                                              // of all addresses
};

// Keys of the section [probe].
const std::vector<ConfigKey>& config_keys();
// The error names the key and says what may stand there.
std::expected<Settings, std::string> read_settings(const ConfigValues& config);

}  // namespace postern::probe
