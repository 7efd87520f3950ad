// Links to a case's page, for who has no account: the customer's mail admin.
//
// A link names the case and the time until which it is good, and is signed: HMAC-SHA256 (RFC 2104)
// of both, by a key that only this control process has. Whoever has the link may read the case, say
// that a password was changed and ask for restoration; nothing else. A new key makes all older
// links worthless.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/case_reference.h"

namespace postern::cases {

// Any thread.
class CaseLinks {
 public:
  using Key = std::array<uint8_t, 32>;

  explicit CaseLinks(const Key& key) : key_(key) {}
  // With the key in `file`, which is made (mode 0600) when it is not there. The error says what to
  // do.
  static std::expected<CaseLinks, std::string> open(const std::filesystem::path& file);

  // "7F3A00KX1M.1795000000.<43 characters>": goes behind the page's address as it is.
  std::string token(CaseReference reference, uint64_t good_until_unix_s) const;
  // The case; nothing when the token is not ours, or its time is over.
  std::optional<CaseReference> check(std::string_view token, uint64_t now_unix_s) const;

 private:
  std::string signature(std::string_view text) const;

  Key key_;
};

}  // namespace postern::cases
