#include "control/ledger/maintenance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>
#include <thread>

#include "control/ledger/sqlite_ledger.h"

namespace postern::ledger {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Maintenance : public testing::Test {
 protected:
  Maintenance() {
    std::string name = testing::TempDir() + "postern-maintenance-XXXXXX";
    directory_ = mkdtemp(name.data());
    file_ = directory_ / "ledger.sqlite";
    backup_ = directory_ / "backup.sqlite";
  }
  ~Maintenance() override { fs::remove_all(directory_); }

  std::unique_ptr<Ledger> open(const fs::path& file) {
    auto ledger = open_sqlite_ledger(file);
    EXPECT_TRUE(ledger.has_value()) << ledger.error();
    return std::move(*ledger);
  }
  static Verdict refused(int last_octet) {
    const uint8_t address[4] = {192, 0, 2, static_cast<uint8_t>(last_octet)};
    return {.prefix = IpPrefix::host(IpAddress::from_v4(address)),
            .treatment = Treatment::TREATMENT_REFUSE,
            .reason = "relays spam",
            .author = "anna",
            .set_unix_s = 1'700'000'000};
  }
  static void set(Ledger& ledger, int last_octet) {
    const Change change{Action::kSet, refused(last_octet)};
    ASSERT_TRUE(ledger.apply(std::span(&change, 1)));
  }
  // By the sqlite3 library itself.
  static void tamper(const fs::path& file, const char* sql) {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(file.c_str(), &connection), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(connection, sql, nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(connection);
    sqlite3_close(connection);
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      names.push_back(entry.path().filename().string());
    }
    std::ranges::sort(names);
    return names;
  }

  fs::path directory_, file_, backup_;
};

TEST_F(Maintenance, ASoundLedgerIsCounted) {
  {
    const auto ledger = open(file_);
    set(*ledger, 1);
    set(*ledger, 2);
    const Change clear{Action::kClear, {.prefix = refused(1).prefix, .author = "bert"}};
    ASSERT_TRUE(ledger->apply(std::span(&clear, 1)));
    // One on a part of the sender says nothing of another part.
    for (const char* user : {"bob", "ann"}) {
      Change block{Action::kSet, refused(1)};
      block.verdict.of = Switch::SWITCH_SMORF_BLOCK;
      block.verdict.part = *Part::user(user);
      ASSERT_TRUE(ledger->apply(std::span(&block, 1)));
    }
  }
  const auto check = check_ledger(file_);
  ASSERT_TRUE(check) << check.error();
  EXPECT_THAT(check->problems, IsEmpty());
  EXPECT_EQ(check->version.number, 5u);
  EXPECT_EQ(check->verdicts, 3u);
  EXPECT_EQ(check->changes, 5u);
}

TEST_F(Maintenance, VerdictsThatTheirHistoryDoesNotMakeAreFound) {
  {
    const auto ledger = open(file_);
    set(*ledger, 1);
    set(*ledger, 2);
  }
  tamper(file_, "DELETE FROM verdicts WHERE prefix = '192.0.2.1'");
  tamper(file_, "UPDATE verdicts SET treatment = 'pass' WHERE prefix = '192.0.2.2'");
  tamper(file_, "UPDATE meta SET version = 9");
  const auto check = check_ledger(file_);
  ASSERT_TRUE(check) << check.error();
  EXPECT_THAT(check->problems,
              ElementsAre(HasSubstr("at version 9, its history ends with 2"),
                          "set by the history, but not in force so: 192.0.2.1 treatment",
                          "set by the history, but not in force so: 192.0.2.2 treatment",
                          "in force, but not set so by the history: 192.0.2.2 treatment"));
}

TEST_F(Maintenance, ADamagedPageIsFound) {
  {
    const auto ledger = open(file_);
    std::vector<Change> many;
    for (int i = 0; i < 250; ++i) many.push_back({Action::kSet, refused(i)});
    ASSERT_TRUE(ledger->apply(many));
  }
  const auto size = fs::file_size(file_);
  std::fstream out(file_, std::ios::in | std::ios::out | std::ios::binary);
  out.seekp(static_cast<std::streamoff>(size / 2));
  out << std::string(3000, '\xee');
  out.close();
  const auto check = check_ledger(file_);
  EXPECT_TRUE(!check || !check->problems.empty());
}

TEST_F(Maintenance, WhatIsNoLedgerIsNotChecked) {
  EXPECT_THAT(check_ledger(file_).error(), HasSubstr("there is no ledger"));
  EXPECT_THAT(files(), IsEmpty());  // asking makes none
  tamper(file_, "CREATE TABLE songs (title TEXT)");
  EXPECT_THAT(check_ledger(file_).error(), HasSubstr("another program"));
}

// A second process writes meanwhile: the copy is of one moment.
TEST_F(Maintenance, ABackupIsTakenUnderWrites) {
  const auto ledger = open(file_);
  set(*ledger, 0);
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 1; i < 250 && !done; ++i) set(*ledger, i);
  });
  const auto check = back_up_ledger(file_, backup_);
  done = true;
  writer.join();
  ASSERT_TRUE(check) << check.error();
  EXPECT_THAT(check->problems, IsEmpty());
  EXPECT_EQ(check->verdicts, check->version.number);  // each version set one more
  EXPECT_GE(check->version.number, 1u);
  EXPECT_THAT(back_up_ledger(file_, backup_).error(), HasSubstr("is there already"));
  const auto copy = open(backup_);
  EXPECT_EQ(copy->version().number, check->version.number);
  EXPECT_EQ(copy->version().epoch, ledger->version().epoch);
}

TEST_F(Maintenance, ABackupThatCannotBeWrittenLeavesNothing) {
  open(file_);
  const auto before = files();
  EXPECT_THAT(back_up_ledger(file_, directory_ / "none" / "backup").error(),
              HasSubstr("cannot open"));
  EXPECT_EQ(files(), before);
}

TEST_F(Maintenance, ARestoredLedgerHasAnotherIdentityAndTheOldOneIsKept) {
  std::string epoch;
  {
    const auto ledger = open(file_);
    set(*ledger, 1);
    ASSERT_TRUE(back_up_ledger(file_, backup_));
    set(*ledger, 2);
    epoch = ledger->version().epoch;
  }
  const auto restored = restore_ledger(backup_, file_, 1'700'000'000);
  ASSERT_TRUE(restored) << restored.error();
  EXPECT_EQ(restored->replaced, file_.string() + ".replaced-1700000000");
  const auto ledger = open(file_);
  EXPECT_NE(ledger->version().epoch, epoch);
  EXPECT_EQ(ledger->version().number, 1u);
  EXPECT_FALSE(ledger->verdict_on({refused(2).prefix})->has_value());
  const auto old = open(restored->replaced);
  EXPECT_EQ(old->version().epoch, epoch);
  EXPECT_EQ(old->version().number, 2u);
  EXPECT_TRUE(old->verdict_on({refused(2).prefix})->has_value());
}

TEST_F(Maintenance, OfADamagedBackupNothingIsTaken) {
  {
    const auto ledger = open(file_);
    set(*ledger, 1);
    ASSERT_TRUE(back_up_ledger(file_, backup_));
  }
  const auto size = fs::file_size(backup_);
  for (const uintmax_t kept : {uintmax_t{0}, uintmax_t{100}, size / 2, size - 1}) {
    const fs::path cut = directory_ / "cut.sqlite";
    fs::copy_file(backup_, cut, fs::copy_options::overwrite_existing);
    fs::resize_file(cut, kept);
    EXPECT_FALSE(restore_ledger(cut, file_, 1)) << kept;
    EXPECT_EQ(open(file_)->version().number, 1u);
  }
  tamper(backup_, "DELETE FROM verdicts");
  EXPECT_THAT(restore_ledger(backup_, file_, 1).error(), HasSubstr("is damaged"));
  EXPECT_TRUE(open(file_)->verdict_on({refused(1).prefix})->has_value());
}

TEST_F(Maintenance, ADamagedLedgerCanBeReplaced) {
  {
    const auto ledger = open(file_);
    set(*ledger, 1);
    ASSERT_TRUE(back_up_ledger(file_, backup_));
  }
  std::ofstream(file_, std::ios::trunc) << "no ledger at all";
  const auto restored = restore_ledger(backup_, file_, 5);
  ASSERT_TRUE(restored) << restored.error();
  EXPECT_TRUE(open(file_)->verdict_on({refused(1).prefix})->has_value());
  EXPECT_EQ(fs::file_size(restored->replaced), 16u);
}

}  // namespace
}  // namespace postern::ledger
