// As much of SQLite as the ledger needs, with errors that say what to do.
//
// A failing call throws SqliteError; the ledger turns it into its own error at its interface, so
// that the statements between read as plain steps.
#pragma once

#include <sqlite3.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace postern::ledger {

// Octets that are no text.
struct Blob {
  std::string_view octets;
};

struct SqliteError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// One connection. One thread at a time.
class Database {
 public:
  // Creates the file when it is not there.
  explicit Database(const std::filesystem::path& file);

  // Statements without results, separated by semicolons.
  void execute(const char* sql);
  // The first column of the first row, as a number; 0 when there is none.
  int64_t number(const char* sql);
  std::string text(const char* sql);
  // Throws what the last failure means to an operator.
  [[noreturn]] void fail();
  bool in_transaction() const { return sqlite3_get_autocommit(connection_.get()) == 0; }
  sqlite3* handle() { return connection_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
  };
  std::string file_;
  std::unique_ptr<sqlite3, Close> connection_;
};

// A prepared statement, kept and used again. Parameters and columns count from 0.
class Statement {
 public:
  Statement(Database& database, std::string_view sql);

  // Binds all parameters of a new execution, in order.
  template <typename... Values>
  Statement& with(const Values&... values) {
    sqlite3_reset(statement_.get());
    int index = 0;
    (bind(++index, values), ...);
    return *this;
  }
  // True: a row is there. False: done.
  bool step();
  // Executes a statement that has no rows. Returns how many rows it changed.
  int64_t run();
  // Ends an execution before its last row, so that no read transaction stays open.
  void reset() { sqlite3_reset(statement_.get()); }

  int64_t number(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  double real(int column) const { return sqlite3_column_double(statement_.get(), column); }
  std::string text(int column) const { return std::string(view(column)); }
  std::string_view view(int column) const;  // as text(); until the next step()
  std::string octets(int column) const;     // of a Blob
  std::array<uint8_t, 16> address(int column) const;

 private:
  void bind(int index, int64_t value);
  void bind(int index, uint64_t value) { bind(index, static_cast<int64_t>(value)); }
  void bind(int index, uint32_t value) { bind(index, static_cast<int64_t>(value)); }
  void bind(int index, int value) { bind(index, static_cast<int64_t>(value)); }
  void bind(int index, bool value) { bind(index, static_cast<int64_t>(value)); }
  void bind(int index, double value);
  void bind(int index, std::string_view text);
  void bind(int index, const std::string& text) { bind(index, std::string_view(text)); }
  void bind(int index, const char* text) { bind(index, std::string_view(text)); }
  void bind(int index, const std::array<uint8_t, 16>& address);
  void bind(int index, const Blob& blob);

  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  Database& database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// Commits when told so, else everything since is undone.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(database) {
    database_.execute("BEGIN IMMEDIATE");
  }
  ~Transaction();
  void commit() { database_.execute("COMMIT"); }

 private:
  Database& database_;
};

}  // namespace postern::ledger
