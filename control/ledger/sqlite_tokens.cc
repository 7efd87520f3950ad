#include "control/ledger/sqlite_tokens.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>

#include "base/time_text.h"
#include "control/ledger/sqlite_audit.h"

namespace postern::ledger {
namespace {

Blob blob(const TokenHash& hash) {
  return {{reinterpret_cast<const char*>(hash.data()), hash.size()}};
}

ApiToken read(const Statement& row) {
  ApiToken out{.name = row.text(0),
               .created_unix_s = static_cast<uint64_t>(row.number(3)),
               .expires_unix_s = static_cast<uint64_t>(row.number(4)),
               .used_unix_s = static_cast<uint64_t>(row.number(5)),
               .revoked_unix_s = static_cast<uint64_t>(row.number(6))};
  const std::string role = row.text(1);
  const auto* const name = std::ranges::find(kRoleNames, role);
  if (name == std::end(kRoleNames))
    throw SqliteError(fmt::format("the token {} has an unknown role {}", out.name, role));
  out.role = static_cast<Role>(name - std::begin(kRoleNames));
  const std::string hash = row.octets(2);
  if (hash.size() != out.hash.size())
    throw SqliteError(fmt::format("the token {} has no SHA-256", out.name));
  std::ranges::copy(hash, out.hash.begin());
  return out;
}

}  // namespace

SqliteTokens::SqliteTokens(Connection& writer, Connection& reader)
    : writer_(writer),
      insert_(writer.database,
              "INSERT INTO api_tokens (name, role, sha256, created_at, expires_at, used_at, "
              "revoked_at) VALUES (?,?,?,?,?,0,0) ON CONFLICT (name) DO NOTHING"),
      revoke_(writer.database,
              "UPDATE api_tokens SET revoked_at = ? WHERE name = ? AND revoked_at = 0"),
      use_(writer.database, "UPDATE api_tokens SET used_at = ? WHERE sha256 = ?"),
      record_(writer.database, kInsertAudit),
      reader_(reader),
      by_hash_(reader.database,
               "SELECT name, role, sha256, created_at, expires_at, used_at, revoked_at FROM "
               "api_tokens WHERE sha256 = ?"),
      all_(reader.database,
           "SELECT name, role, sha256, created_at, expires_at, used_at, revoked_at FROM "
           "api_tokens ORDER BY name") {}

Result<bool> SqliteTokens::add(const ApiToken& token, const std::string& author) {
  return alone_on(writer_, [&] {
    const std::string_view role = kRoleNames[static_cast<size_t>(token.role)];
    Transaction transaction(writer_.database);
    if (insert_.with(token.name, role, blob(token.hash), token.created_unix_s, token.expires_unix_s)
            .run() == 0)
      return false;
    const std::string until = token.expires_unix_s == 0
                                  ? std::string("for good")
                                  : fmt::format("until {}", utc_time(token.expires_unix_s));
    record_
        .with(token.created_unix_s, author, "token made", token.name,
              fmt::format("{}, {}", role, until))
        .run();
    transaction.commit();
    return true;
  });
}

Result<bool> SqliteTokens::revoke(const std::string& name, const std::string& author,
                                  uint64_t now_unix_s) {
  return alone_on(writer_, [&] {
    Transaction transaction(writer_.database);
    if (revoke_.with(now_unix_s, name).run() == 0) return false;
    record_.with(now_unix_s, author, "token revoked", name, "").run();
    transaction.commit();
    return true;
  });
}

Result<std::optional<ApiToken>> SqliteTokens::find(const TokenHash& hash) {
  return alone_on(reader_, [&]() -> std::optional<ApiToken> {
    by_hash_.with(blob(hash));
    if (!by_hash_.step()) return std::nullopt;
    ApiToken found = read(by_hash_);
    by_hash_.reset();
    return found;
  });
}

Result<std::vector<ApiToken>> SqliteTokens::all() {
  return alone_on(reader_, [&] {
    std::vector<ApiToken> found;
    for (all_.with(); all_.step();) found.push_back(read(all_));
    return found;
  });
}

Result<void> SqliteTokens::note_use(const TokenHash& hash, uint64_t now_unix_s) {
  return alone_on(writer_, [&] { use_.with(now_unix_s, blob(hash)).run(); });
}

std::string new_token() {
  std::array<uint8_t, 32> random;
  randombytes_buf(random.data(), random.size());
  std::array<char, sodium_base64_ENCODED_LEN(32, sodium_base64_VARIANT_URLSAFE_NO_PADDING)> text;
  sodium_bin2base64(text.data(), text.size(), random.data(), random.size(),
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  return fmt::format("postern_{}", text.data());
}

TokenHash hash_of(std::string_view token) {
  TokenHash hash;
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(token.data()),
                     token.size());
  return hash;
}

}  // namespace postern::ledger
