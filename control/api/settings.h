// What the configuration says about the API and the console.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "base/config.h"

namespace postern::api {

struct Settings {
  std::string address = {};                // to listen on; empty: there is no API
  uint16_t port = 0;                       // 0: any that is free
  std::filesystem::path certificate = {};  // PEM; empty: without TLS
  std::filesystem::path key = {};
  std::chrono::seconds session = std::chrono::hours(12);
  size_t live_listeners = 16;
};

// Keys of the section [api].
const std::vector<ConfigKey>& config_keys();
// The error names the key and says what may stand there.
std::expected<Settings, std::string> read_settings(const ConfigValues& config);

}  // namespace postern::api
