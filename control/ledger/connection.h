// A connection to the ledger's file with its lock, and the way every call goes through it.
#pragma once

#include <filesystem>
#include <mutex>
#include <type_traits>

#include "control/ledger/result.h"
#include "control/ledger/sqlite.h"

namespace postern::ledger {

struct Connection {
  explicit Connection(const std::filesystem::path& file) : database(file) {}

  std::mutex lock;
  Database database;
};

// Runs `work`, alone on the connection; an SqliteError becomes the call's error.
template <typename Work>
auto alone_on(Connection& connection, Work work) -> Result<std::invoke_result_t<Work>> {
  const std::lock_guard guard(connection.lock);
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<Work>>) {
      work();
      return {};
    } else {
      return work();
    }
  } catch (const SqliteError& error) {
    return std::unexpected(error.what());
  }
}

}  // namespace postern::ledger
