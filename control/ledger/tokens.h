// Tokens with which programs and people come to the API and the console.
//
// The ledger keeps only what a token's SHA-256 is: who reads the ledger, or a backup of it, cannot
// come in with what it finds. Making and revoking one is written to the audit.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/ledger/result.h"

namespace postern::ledger {

// What each may do, the next ones included.
enum class Role {
  kViewer,      // sees everything but the tokens and the audit
  kTechnician,  // changes verdicts, cases and customers; sees the audit
  kAdmin,       // decides on signature sets and tokens
};
inline constexpr std::string_view kRoleNames[] = {"viewer", "technician", "admin"};

using TokenHash = std::array<uint8_t, 32>;

struct ApiToken {
  std::string name = {};  // the author of what is changed with it
  Role role = Role::kViewer;
  TokenHash hash = {};
  uint64_t created_unix_s = 0;
  uint64_t expires_unix_s = 0;  // 0: never
  uint64_t used_unix_s = 0;     // the last time, to the minute; 0: never
  uint64_t revoked_unix_s = 0;  // 0: it is not

  bool good_at(uint64_t now_unix_s) const {
    return revoked_unix_s == 0 && (expires_unix_s == 0 || now_unix_s < expires_unix_s);
  }
  bool operator==(const ApiToken&) const = default;
};

// Any thread.
class Tokens {
 public:
  virtual ~Tokens() = default;
  // False: there is one of that name, perhaps revoked: names are not used again, because the
  // history of changes names them.
  virtual Result<bool> add(const ApiToken& token, const std::string& author) = 0;
  // False: there is none of that name that is not revoked already.
  virtual Result<bool> revoke(const std::string& name, const std::string& author,
                              uint64_t now_unix_s) = 0;
  // Good or not: ask good_at().
  virtual Result<std::optional<ApiToken>> find(const TokenHash& hash) = 0;
  // By name; those revoked among them.
  virtual Result<std::vector<ApiToken>> all() = 0;
  virtual Result<void> note_use(const TokenHash& hash, uint64_t now_unix_s) = 0;
};

// A new token as its owner keeps it: "postern_" and 256 random bits.
std::string new_token();
TokenHash hash_of(std::string_view token);

}  // namespace postern::ledger
