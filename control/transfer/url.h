// As much of a URL as decides whether and how something is sent there. libcurl's parser reads it,
// as it will when it sends.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postern::transfer {

struct Url {
  std::string scheme = {};  // in lower case
  std::string host = {};
  std::string user_info = {};
  bool is_loopback = false;          // "localhost", 127.0.0.0/8, ::1
  std::string without_secrets = {};  // for people: no user, no query, no fragment
};

// Nothing: it is none, or has no host.
std::optional<Url> read_url(std::string_view text);

}  // namespace postern::transfer
