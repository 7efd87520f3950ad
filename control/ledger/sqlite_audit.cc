#include "control/ledger/sqlite_audit.h"

namespace postern::ledger {

SqliteAudit::SqliteAudit(Connection& writer, Connection& reader)
    : writer_(writer),
      insert_(writer.database, kInsertAudit),
      reader_(reader),
      select_(
          reader.database,
          "SELECT at, author, action, subject, detail FROM audit WHERE (?1 = '' OR author = ?1) "
          "AND (?2 = '' OR subject = ?2) ORDER BY id DESC LIMIT ?3") {}

Result<void> SqliteAudit::record(const AuditEntry& entry) {
  return alone_on(writer_, [&] {
    insert_.with(entry.at_unix_s, entry.author, entry.action, entry.subject, entry.detail).run();
  });
}

Result<std::vector<AuditEntry>> SqliteAudit::entries(const std::string& author,
                                                     const std::string& subject, uint32_t limit) {
  return alone_on(reader_, [&] {
    std::vector<AuditEntry> found;
    for (select_.with(author, subject, limit); select_.step();) {
      found.push_back({static_cast<uint64_t>(select_.number(0)), select_.text(1), select_.text(2),
                       select_.text(3), select_.text(4)});
    }
    return found;
  });
}

}  // namespace postern::ledger
