#include "control/ledger/sqlite.h"

#include <fmt/format.h>

#include <cstring>

namespace postern::ledger {

Database::Database(const std::filesystem::path& file) : file_(file.string()) {
  sqlite3* connection = nullptr;
  const int code =
      sqlite3_open_v2(file_.c_str(), &connection,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  connection_.reset(connection);
  if (code != SQLITE_OK) fail();
  sqlite3_extended_result_codes(connection, 1);
  sqlite3_busy_timeout(connection, 10'000);
}

void Database::fail() {
  sqlite3* connection = connection_.get();
  const std::string why = sqlite3_errmsg(connection);
  const int code = sqlite3_errcode(connection) & 0xff;
  std::string what_to_do;
  switch (code) {
    case SQLITE_FULL:
      throw SqliteError(
          fmt::format("the disk with the ledger {} is full: make room there and try again; what "
                      "was acknowledged before is safe",
                      file_));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      throw SqliteError(
          fmt::format("the ledger {} is damaged or not a ledger ({}): restore it from a backup, or "
                      "move it away "
                      "(with its -wal and -shm files) to begin with an empty one",
                      file_, why));
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      throw SqliteError(fmt::format(
          "cannot open the ledger {} for writing ({}{}): its directory must exist and belong to "
          "the user that runs postern-control",
          file_, why,
          sqlite3_system_errno(connection) != 0
              ? fmt::format(", {}", std::strerror(sqlite3_system_errno(connection)))
              : ""));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw SqliteError(fmt::format(
          "the ledger {} is held by another process ({}): end that process", file_, why));
    default:
      throw SqliteError(fmt::format("the ledger {} cannot be used: {}", file_, why));
  }
}

void Database::execute(const char* sql) {
  if (sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

int64_t Database::number(const char* sql) {
  Statement statement(*this, sql);
  return statement.step() ? statement.number(0) : 0;
}

std::string Database::text(const char* sql) {
  Statement statement(*this, sql);
  return statement.step() ? statement.text(0) : "";
}

Statement::Statement(Database& database, std::string_view sql) : database_(database) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database.handle(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  statement_.reset(statement);
  if (code != SQLITE_OK) database.fail();
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement_.get());
    return false;
  }
  // The connection's error is what fail() reads: reset only after it was taken.
  try {
    database_.fail();
  } catch (...) {
    sqlite3_reset(statement_.get());
    throw;
  }
}

int64_t Statement::run() {
  while (step()) {
  }
  return sqlite3_changes64(database_.handle());
}

std::string_view Statement::view(int column) const {
  const auto* characters =
      reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  if (characters == nullptr) return "";
  return {characters, static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::string Statement::octets(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  if (bytes == nullptr) return "";
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::array<uint8_t, 16> Statement::address(int column) const {
  std::array<uint8_t, 16> out{};
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  if (bytes != nullptr && sqlite3_column_bytes(statement_.get(), column) == 16)
    std::memcpy(out.data(), bytes, 16);
  return out;
}

void Statement::bind(int index, int64_t value) {
  sqlite3_bind_int64(statement_.get(), index, value);
}

void Statement::bind(int index, double value) {
  sqlite3_bind_double(statement_.get(), index, value);
}

void Statement::bind(int index, std::string_view text) {
  sqlite3_bind_text(statement_.get(), index, text.data() == nullptr ? "" : text.data(),
                    static_cast<int>(text.size()), SQLITE_TRANSIENT);
}

void Statement::bind(int index, const std::array<uint8_t, 16>& address) {
  sqlite3_bind_blob(statement_.get(), index, address.data(), 16, SQLITE_TRANSIENT);
}

void Statement::bind(int index, const Blob& blob) {
  // A null pointer would be NULL.
  const char* octets = blob.octets.empty() ? "" : blob.octets.data();
  sqlite3_bind_blob(statement_.get(), index, octets, static_cast<int>(blob.octets.size()),
                    SQLITE_TRANSIENT);
}

Transaction::~Transaction() {
  // After a full disk SQLite may have rolled back by itself.
  if (!database_.in_transaction()) return;
  try {
    database_.execute("ROLLBACK");
  } catch (const SqliteError&) {
    // The file is unusable now; the call that failed first has said why.
  }
}

}  // namespace postern::ledger
