// What the configuration says about cases and restoration.
#pragma once

#include <chrono>
#include <expected>
#include <string>
#include <vector>

#include "base/config.h"
#include "control/cases/restoration.h"

namespace postern::cases {

struct Settings {
  RestorationSettings restoration = {};
  std::string page_url = {};  // what stands before a case link's token; empty: there is no page
  std::chrono::seconds link_good_for = std::chrono::days(14);
};

// Keys of the sections [cases] and [restoration].
const std::vector<ConfigKey>& config_keys();
// The error names the key and says what may stand there.
std::expected<Settings, std::string> read_settings(const ConfigValues& config);

}  // namespace postern::cases
