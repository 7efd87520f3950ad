// What the configuration says about data planes on other machines.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/tls_files.h"

namespace postern::server {

struct RemoteSettings {
  std::string listen = {};  // "ADDRESS:PORT"; empty: only the Unix socket. Port 0: any that is free
  TlsFiles files = {};
  std::vector<std::string> allowed = {};  // gates; empty: all that an authority vouches for
};

// Keys of the section [remote].
const std::vector<ConfigKey>& remote_config_keys();
// The error names the key and says what may stand there. Files are read by Server::start().
std::expected<RemoteSettings, std::string> read_remote_settings(const ConfigValues& config);

}  // namespace postern::server
