// Who is asking: sessions of the console, and how often one may try.
//
// Theory of operation. A program brings its token with every request. A browser brings it once and
// gets a session, named by a random cookie that no script can read; the token behind it is asked
// for in the ledger at every request, so that revoking one ends its sessions at once. Both tables
// are bounded: at the bound the session that was used longest ago ends, and addresses that are not
// in the table yet share one allowance.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "control/ledger/tokens.h"

namespace postern::api {

// So many in so many seconds from each address. Any thread.
class RateLimit {
 public:
  RateLimit(uint32_t most, uint64_t window_s, size_t most_addresses = 4096)
      : most_(most), window_s_(window_s), most_addresses_(most_addresses) {}

  bool exhausted(const std::string& address, uint64_t now_unix_s);
  void count(const std::string& address, uint64_t now_unix_s);
  // Counts it. False: it was one too many.
  bool take(const std::string& address, uint64_t now_unix_s);

 private:
  uint32_t& row(const std::string& address, uint64_t now_unix_s);

  const uint32_t most_;
  const uint64_t window_s_;
  const size_t most_addresses_;
  std::mutex lock_;
  uint64_t window_ = 0;
  std::map<std::string, uint32_t> counts_;
  uint32_t others_ = 0;
};

// Any thread.
class Sessions {
 public:
  Sessions(uint64_t idle_s, size_t most) : idle_s_(idle_s), most_(most) {}

  // Returns what goes into the cookie: 256 random bits.
  std::string open(const ledger::TokenHash& token, uint64_t now_unix_s);
  // The token behind it; nothing when there is no such session, or it was not used for too long.
  std::optional<ledger::TokenHash> use(std::string_view cookie, uint64_t now_unix_s);
  void close(std::string_view cookie);

 private:
  struct Session {
    ledger::TokenHash token = {};
    uint64_t used_unix_s = 0;
  };
  const uint64_t idle_s_;
  const size_t most_;
  std::mutex lock_;
  // By the SHA-256 of the cookie: how long a look-up takes tells nothing of a cookie that is there.
  std::map<ledger::TokenHash, Session> sessions_;
};

// The value of one cookie in a Cookie header (RFC 6265 section 4.2); empty when it is not there.
std::string_view cookie_value(std::string_view header, std::string_view name);
// What stands behind "Bearer " (RFC 6750 section 2.1); empty when that is not how it begins.
std::string_view bearer_token(std::string_view authorization);

}  // namespace postern::api
