// For tests of the ledger as it lies on the disk.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>

#include "control/channel/channel.pb.h"
#include "control/ledger/sqlite_ledger.h"

namespace postern::ledger {

// A ledger in a directory that goes with the test.
class LedgerFileTest : public ::testing::Test {
 protected:
  LedgerFileTest() {
    std::string name = ::testing::TempDir() + "postern-ledger-XXXXXX";
    directory_ = mkdtemp(name.data());
    file_ = directory_ / "ledger.sqlite";
  }
  ~LedgerFileTest() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<Ledger> open() {
    auto ledger = open_sqlite_ledger(file_);
    EXPECT_TRUE(ledger.has_value()) << ledger.error();
    return std::move(*ledger);
  }
  // What the sqlite3 library itself says, beside our code.
  std::string ask(const char* sql) {
    sqlite3* connection = nullptr;
    EXPECT_EQ(sqlite3_open(file_.c_str(), &connection), SQLITE_OK);
    std::string answer;
    char* error = nullptr;
    sqlite3_exec(
        connection, sql,
        [](void* out, int, char** columns, char**) {
          *static_cast<std::string*>(out) += columns[0] != nullptr ? columns[0] : "";
          return 0;
        },
        &answer, &error);
    if (error != nullptr) answer = error;
    sqlite3_free(error);
    sqlite3_close(connection);
    return answer;
  }

  std::filesystem::path directory_, file_;
};

// Of messages from 192.0.2.7, refused and forwarded in turns.
inline channel::v1::EventBatch batch(uint64_t number, int events, std::string boot = "boot-1") {
  channel::v1::EventBatch out;
  out.set_batch(number);
  out.set_boot(std::move(boot));
  for (int i = 0; i < events; ++i) {
    channel::v1::Event* event = out.add_events();
    event->set_kind("message");
    event->set_outcome(i % 2 == 0 ? "refused_content" : "forwarded");
    event->set_client("192.0.2.7");
    event->set_message_bytes(number * 1000 + static_cast<uint64_t>(i));
  }
  return out;
}

}  // namespace postern::ledger
