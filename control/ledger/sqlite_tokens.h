// Tokens in the ledger's file.
#pragma once

#include "control/ledger/connection.h"
#include "control/ledger/tokens.h"

namespace postern::ledger {

class SqliteTokens final : public Tokens {
 public:
  // Both connections must outlive it. Throws SqliteError.
  SqliteTokens(Connection& writer, Connection& reader);

  Result<bool> add(const ApiToken& token, const std::string& author) override;
  Result<bool> revoke(const std::string& name, const std::string& author,
                      uint64_t now_unix_s) override;
  Result<std::optional<ApiToken>> find(const TokenHash& hash) override;
  Result<std::vector<ApiToken>> all() override;
  Result<void> note_use(const TokenHash& hash, uint64_t now_unix_s) override;

 private:
  Connection& writer_;
  Statement insert_, revoke_, use_, record_;
  Connection& reader_;
  Statement by_hash_, all_;
};

}  // namespace postern::ledger
