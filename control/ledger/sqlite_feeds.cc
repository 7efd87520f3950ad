#include "control/ledger/sqlite_feeds.h"

#include <fmt/format.h>

#include "control/ledger/sqlite_audit.h"

namespace postern::ledger {

SqliteFeeds::SqliteFeeds(Connection& writer, Connection& reader)
    : writer_(writer),
      put_(writer.database,
           "INSERT INTO feeds (name, format, path, treatment, every_s, read_at, imported_at, "
           "published_at, entries, problem) VALUES (?,?,?,?,?,0,0,0,0,'') ON CONFLICT (name) DO "
           "UPDATE SET format = excluded.format, path = excluded.path, "
           "treatment = excluded.treatment, every_s = excluded.every_s, read_at = 0"),
      remove_(writer.database, "DELETE FROM feeds WHERE name = ?"),
      note_(writer.database,
            "UPDATE feeds SET read_at = ?, imported_at = ?, published_at = ?, entries = ?, "
            "problem = ? WHERE name = ? AND path = ? AND format = ?"),
      record_(writer.database, kInsertAudit),
      reader_(reader),
      all_(reader.database,
           "SELECT name, format, path, treatment, every_s, read_at, imported_at, published_at, "
           "entries, problem FROM feeds ORDER BY name") {}

Result<void> SqliteFeeds::follow(const FeedSource& source, const std::string& author,
                                 uint64_t now_unix_s) {
  return alone_on(writer_, [&] {
    Transaction transaction(writer_.database);
    put_.with(source.name, source.format, source.path, source.treatment, source.every_s).run();
    record_
        .with(now_unix_s, author, "feed followed", source.name,
              fmt::format("{} as {}, {}, every {} s", source.path, source.format, source.treatment,
                          source.every_s))
        .run();
    transaction.commit();
  });
}

Result<bool> SqliteFeeds::leave(const std::string& name, const std::string& author,
                                uint64_t now_unix_s) {
  return alone_on(writer_, [&] {
    Transaction transaction(writer_.database);
    if (remove_.with(name).run() == 0) return false;
    record_.with(now_unix_s, author, "feed left", name, "").run();
    transaction.commit();
    return true;
  });
}

Result<std::vector<FeedSource>> SqliteFeeds::all() {
  return alone_on(reader_, [&] {
    std::vector<FeedSource> found;
    for (all_.with(); all_.step();) {
      found.push_back({.name = all_.text(0),
                       .format = all_.text(1),
                       .path = all_.text(2),
                       .treatment = all_.text(3),
                       .every_s = static_cast<uint32_t>(all_.number(4)),
                       .read_unix_s = static_cast<uint64_t>(all_.number(5)),
                       .imported_unix_s = static_cast<uint64_t>(all_.number(6)),
                       .published_unix_s = static_cast<uint64_t>(all_.number(7)),
                       .entries = static_cast<uint64_t>(all_.number(8)),
                       .problem = all_.text(9)});
    }
    return found;
  });
}

Result<void> SqliteFeeds::note_reading(const FeedSource& source) {
  return alone_on(writer_, [&] {
    note_
        .with(source.read_unix_s, source.imported_unix_s, source.published_unix_s, source.entries,
              source.problem, source.name, source.path, source.format)
        .run();
  });
}

}  // namespace postern::ledger
