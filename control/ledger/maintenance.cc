#include "control/ledger/maintenance.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/replace_file.h"
#include "control/ledger/schema.h"
#include "control/ledger/sqlite.h"

namespace postern::ledger {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostProblems = 20;

#define COMPARED                                                                            \
  "address, length, switch, part, prefix, treatment, messages_per_minute, case_reference, " \
  "reason, author, set_at, expires_at, starttls"

// What the history says is in force: the last change of each prefix, switch and part, where
// that set something.
constexpr const char* kHistoryBut =
    "SELECT rtrim(prefix || ' ' || switch || ' ' || part) FROM (SELECT " COMPARED
    " FROM verdict_history WHERE action = 'set' AND id IN "
    "(SELECT max(id) FROM verdict_history GROUP BY address, length, switch, part) EXCEPT "
    "SELECT " COMPARED " FROM verdicts) LIMIT ?";
constexpr const char* kVerdictsBut =
    "SELECT rtrim(prefix || ' ' || switch || ' ' || part) FROM (SELECT " COMPARED
    " FROM verdicts EXCEPT SELECT " COMPARED
    " FROM verdict_history WHERE action = 'set' AND id IN "
    "(SELECT max(id) FROM verdict_history GROUP BY address, length, switch, part)) LIMIT ?";

void find_problems(Database& database, const char* sql, std::string_view what,
                   std::vector<std::string>& problems) {
  Statement rows(database, sql);
  rows.with(uint64_t{kMostProblems});
  while (rows.step()) problems.push_back(fmt::format("{}{}", what, rows.text(0)));
}

// A page that nothing is on is read by no other check. While there is a write-ahead log, the end of
// the file may be in that.
void find_cut(Database& database, const fs::path& file, std::vector<std::string>& problems) {
  if (database.text("PRAGMA journal_mode") == "wal") return;
  const auto whole = static_cast<uintmax_t>(database.number("PRAGMA page_count") *
                                            database.number("PRAGMA page_size"));
  std::error_code code;
  const uintmax_t there = fs::file_size(file, code);
  if (!code && there < whole) {
    problems.push_back(fmt::format("it is cut short: {} of {} octets are there", there, whole));
  }
}

// Throws SqliteError.
LedgerCheck check(Database& database) {
  check_schema(database);
  LedgerCheck out;
  out.version = {database.text("SELECT epoch FROM meta"),
                 static_cast<uint64_t>(database.number("SELECT version FROM meta"))};
  const auto count = [&](const char* sql) { return static_cast<uint64_t>(database.number(sql)); };
  out.verdicts = count("SELECT count(*) FROM verdicts");
  out.changes = count("SELECT count(*) FROM verdict_history");
  out.events = count("SELECT count(*) FROM events");
  // What is missing of the last page SQLite takes for zeros.
  if (fs::file_size(database.text("SELECT file FROM pragma_database_list WHERE name = 'main'")) %
          count("PRAGMA page_size") !=
      0) {
    out.problems.emplace_back("it ends in the middle of a page: something was cut off");
  }
  Statement pages(database, fmt::format("PRAGMA integrity_check({})", kMostProblems));
  while (pages.step()) {
    if (pages.text(0) != "ok") out.problems.push_back(pages.text(0));
  }
  if (out.version.epoch.empty()) out.problems.emplace_back("it has lost its identity (table meta)");
  const uint64_t last = count("SELECT ifnull(max(version), 0) FROM verdict_history");
  if (last != out.version.number) {
    out.problems.push_back(fmt::format("it says it is at version {}, its history ends with {}",
                                       out.version.number, last));
  }
  find_problems(database, kHistoryBut, "set by the history, but not in force so: ", out.problems);
  find_problems(database, kVerdictsBut, "in force, but not set so by the history: ", out.problems);
  return out;
}

Result<void> must_be_there(const fs::path& file) {
  std::error_code code;
  if (fs::is_regular_file(file, code)) return {};
  return std::unexpected(
      fmt::format("there is no ledger {}{}", file.string(), code ? ": " + code.message() : ""));
}

std::string system_error(std::string_view what, const fs::path& file) {
  return fmt::format("cannot {} {}: {}", what, file.string(), std::strerror(errno));
}

Result<void> sync(const fs::path& file) {
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  const bool done = descriptor >= 0 && fsync(descriptor) == 0;
  const std::string error = system_error("write", file);
  if (descriptor >= 0) close(descriptor);
  if (!done) return std::unexpected(error);
  return {};
}

fs::path directory_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

void remove_database(const fs::path& file) {
  std::error_code ignored;
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    fs::remove(file.string() + suffix, ignored);
  }
}

// As one file, whole. Throws SqliteError.
void copy_whole(const fs::path& from, const fs::path& to) {
  Database source(from), target(to);
  sqlite3_backup* backup = sqlite3_backup_init(target.handle(), "main", source.handle(), "main");
  if (backup == nullptr) target.fail();
  const int code = sqlite3_backup_step(backup, -1);
  sqlite3_backup_finish(backup);
  if (code != SQLITE_DONE) target.fail();
  target.execute("PRAGMA journal_mode = DELETE");
}

// Puts all of a closed ledger's commits into its one file.
void fold_in_wal(const fs::path& file) {
  try {
    Database(file).execute("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch (const SqliteError&) {
    // It is being replaced because it is damaged: what can be read of it stays as it is.
  }
}

}  // namespace

Result<LedgerCheck> check_ledger(const fs::path& file) {
  if (auto there = must_be_there(file); !there) return std::unexpected(there.error());
  try {
    Database database(file);
    LedgerCheck out = check(database);
    find_cut(database, file, out.problems);
    return out;
  } catch (const SqliteError& error) {
    return std::unexpected(error.what());
  }
}

Result<LedgerCheck> back_up_ledger(const fs::path& file, const fs::path& to) {
  if (auto there = must_be_there(file); !there) return std::unexpected(there.error());
  std::error_code code;
  if (fs::exists(to, code)) {
    return std::unexpected(fmt::format("{} is there already: name another file", to.string()));
  }
  const fs::path unfinished = to.string() + ".unfinished";
  remove_database(unfinished);
  Result<LedgerCheck> checked;
  try {
    copy_whole(file, unfinished);
    Database database(unfinished);
    checked = check(database);
  } catch (const SqliteError& error) {
    checked = std::unexpected(error.what());
  }
  if (checked) {
    if (auto synced = sync(unfinished); !synced) checked = std::unexpected(synced.error());
  }
  if (checked && rename(unfinished.c_str(), to.c_str()) != 0) {
    checked = std::unexpected(system_error("write", to));
  }
  if (!checked) remove_database(unfinished);
  if (checked) sync_directory(directory_of(to));
  return checked;
}

Result<Restored> restore_ledger(const fs::path& backup, const fs::path& file, uint64_t now_unix_s) {
  auto checked = check_ledger(backup);
  if (!checked) return std::unexpected(checked.error());
  if (!checked->problems.empty()) {
    return std::unexpected(fmt::format("the backup {} is damaged ({}): take another one",
                                       backup.string(), checked->problems[0]));
  }
  const fs::path unfinished = file.string() + ".unfinished";
  remove_database(unfinished);
  try {
    copy_whole(backup, unfinished);
    Database database(unfinished);
    database.execute("UPDATE meta SET epoch = lower(hex(randomblob(16)))");
  } catch (const SqliteError& error) {
    remove_database(unfinished);
    return std::unexpected(error.what());
  }
  Restored out{std::move(*checked), {}};
  const auto failed = [&](std::string error) {
    remove_database(unfinished);
    return std::unexpected(std::move(error));
  };
  if (auto synced = sync(unfinished); !synced) return failed(synced.error());
  std::error_code code;
  if (fs::exists(file, code)) {
    fold_in_wal(file);
    out.replaced = fmt::format("{}.replaced-{}", file.string(), now_unix_s);
    if (link(file.c_str(), out.replaced.c_str()) != 0) {
      return failed(system_error("keep the replaced ledger as", out.replaced));
    }
    // Never beside another ledger's file.
    for (const char* suffix : {"-wal", "-shm"}) {
      const std::string beside = file.string() + suffix;
      if (fs::exists(beside, code)) fs::rename(beside, out.replaced.string() + suffix, code);
    }
  }
  if (rename(unfinished.c_str(), file.c_str()) != 0) return failed(system_error("write", file));
  sync_directory(directory_of(file));
  return out;
}

}  // namespace postern::ledger
