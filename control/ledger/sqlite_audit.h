// The audit in the ledger's file.
#pragma once

#include "control/ledger/audit.h"
#include "control/ledger/connection.h"

namespace postern::ledger {

// Of at, author, action, subject, detail: for changes that write their row in their own
// transaction.
inline constexpr std::string_view kInsertAudit =
    "INSERT INTO audit (at, author, action, subject, detail) VALUES (?,?,?,?,?)";

class SqliteAudit final : public Audit {
 public:
  // Both connections must outlive it. Throws SqliteError.
  SqliteAudit(Connection& writer, Connection& reader);

  Result<void> record(const AuditEntry& entry) override;
  Result<std::vector<AuditEntry>> entries(const std::string& author, const std::string& subject,
                                          uint32_t limit) override;

 private:
  Connection& writer_;
  Statement insert_;
  Connection& reader_;
  Statement select_;
};

}  // namespace postern::ledger
