#include "dataplane/agent/verdict_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "dataplane/agent/scratch_directory.h"

namespace postern::agent {
namespace {

using verdict::PrefixVerdict;
using verdict::Treatment;

PrefixVerdict refused(uint32_t n) {
  const uint8_t bytes[4] = {10, static_cast<uint8_t>(n >> 16), static_cast<uint8_t>(n >> 8),
                            static_cast<uint8_t>(n)};
  return {IpPrefix::host(IpAddress::from_v4(bytes)), Treatment::kRefuse, 0, CaseReference{n}, 0};
}

std::shared_ptr<const HeldVerdicts> snapshot(std::string epoch, uint64_t version, uint32_t count) {
  HeldVerdicts held{std::move(epoch), version, {}};
  for (uint32_t i = 0; i < count; ++i) held.verdicts.push_back(refused(i));
  return std::make_shared<HeldVerdicts>(std::move(held));
}

std::shared_ptr<const VerdictDelta> delta(uint64_t from, uint64_t to,
                                          std::vector<PrefixVerdict> upserts,
                                          std::vector<verdict::VerdictKey> removals = {}) {
  return std::make_shared<VerdictDelta>(
      VerdictDelta{from, to, std::move(upserts), std::move(removals)});
}

std::vector<PrefixVerdict> sorted(std::vector<PrefixVerdict> verdicts) {
  std::ranges::sort(verdicts);
  return verdicts;
}

class VerdictFileTest : public testing::Test {
 protected:
  VerdictFile& open() {
    file_.reset();
    auto file = VerdictFile::create(
        config_,
        [this](const std::string& epoch, uint64_t version) {
          std::lock_guard lock(mutex_);
          durable_.emplace_back(epoch, version);
        },
        [this] {
          std::lock_guard lock(mutex_);
          ++copies_;
          return copy_;
        });
    EXPECT_TRUE(file.has_value()) << file.error();
    file_ = std::move(*file);
    return *file_;
  }
  bool durable(const std::string& epoch, uint64_t version) {
    return eventually([&] {
      std::lock_guard lock(mutex_);
      return std::ranges::count(durable_, std::pair(epoch, version)) > 0;
    });
  }
  // What another process would find there now.
  VerdictFile::Loaded found() {
    const ScratchDirectory elsewhere;
    VerdictFileConfig config = config_;
    config.directory = elsewhere / "state";
    std::filesystem::create_directory(config.directory);
    std::error_code not_there;
    std::filesystem::copy(snapshot_path(), config.directory / "verdicts", not_there);
    std::filesystem::copy(log_path(), config.directory / "verdicts.log", not_there);
    auto file = VerdictFile::create(config, {}, {});
    EXPECT_TRUE(file.has_value());
    return (*file)->load();
  }
  std::filesystem::path snapshot_path() const { return config_.directory / "verdicts"; }
  std::filesystem::path log_path() const { return config_.directory / "verdicts.log"; }

  ScratchDirectory scratch_;
  VerdictFileConfig config_{.directory = scratch_ / "state", .retry = std::chrono::milliseconds(5)};
  std::mutex mutex_;
  std::vector<std::pair<std::string, uint64_t>> durable_;
  std::optional<HeldVerdicts> copy_;
  int copies_ = 0;
  std::unique_ptr<VerdictFile> file_;
};

TEST_F(VerdictFileTest, AnEmptyDirectoryIsNoTrouble) {
  const auto loaded = open().load();
  EXPECT_EQ(loaded.held.epoch, "");
  EXPECT_TRUE(loaded.notes.empty());
}

TEST_F(VerdictFileTest, WhatWasCalledDurableIsThereWithoutAnOrderlyEnd) {
  auto& file = open();
  file.load();
  file.start();
  file.replace(snapshot("e", 5, 3));
  file.append("e", delta(5, 6, {refused(9)}));
  file.append("e", delta(6, 8, {}, {refused(0).key()}));
  ASSERT_TRUE(durable("e", 8));
  const auto loaded = found();
  EXPECT_TRUE(loaded.notes.empty());
  EXPECT_EQ(loaded.held.epoch, "e");
  EXPECT_EQ(loaded.held.version, 8u);
  EXPECT_EQ(sorted(loaded.held.verdicts), (std::vector{refused(1), refused(2), refused(9)}));
}

TEST_F(VerdictFileTest, GoesOnWithTheLogItFinds) {
  open().load();
  file_->start();
  file_->replace(snapshot("e", 1, 2));
  file_->append("e", delta(1, 2, {refused(7)}));
  file_->stop();
  // The last delta was being written when the process was killed.
  std::ofstream(log_path(), std::ios::app) << "half a del";
  const auto loaded = open().load();
  EXPECT_EQ(loaded.held.version, 2u);
  ASSERT_EQ(loaded.notes.size(), 1u);
  EXPECT_NE(loaded.notes[0].find("cut short"), std::string::npos) << loaded.notes[0];
  file_->start();
  file_->append("e", delta(2, 3, {refused(8)}));
  file_->stop();
  const auto again = found();
  EXPECT_TRUE(again.notes.empty());
  EXPECT_EQ(again.held.version, 3u);
  EXPECT_EQ(again.held.verdicts.size(), 4u);
}

TEST_F(VerdictFileTest, ADamagedSnapshotIsSaidAndNotUsed) {
  open().load();
  file_->start();
  file_->replace(snapshot("e", 1, 100));
  file_->stop();
  std::filesystem::resize_file(snapshot_path(), std::filesystem::file_size(snapshot_path()) - 1);
  const auto loaded = open().load();
  EXPECT_EQ(loaded.held.epoch, "");
  EXPECT_TRUE(loaded.held.verdicts.empty());
  ASSERT_EQ(loaded.notes.size(), 1u);
  EXPECT_NE(loaded.notes[0].find("default treatment"), std::string::npos) << loaded.notes[0];
  // And it mends itself with the next snapshot.
  file_->start();
  file_->replace(snapshot("e", 2, 5));
  ASSERT_TRUE(durable("e", 2));
  EXPECT_EQ(found().held.verdicts.size(), 5u);
}

TEST_F(VerdictFileTest, TheLogOfAnEarlierSnapshotIsPassedOver) {
  open().load();
  file_->start();
  file_->replace(snapshot("e", 1, 2));
  file_->append("e", delta(1, 2, {refused(7)}));
  ASSERT_TRUE(durable("e", 2));
  std::filesystem::copy(log_path(), scratch_ / "old.log");
  file_->replace(snapshot("e", 3, 4));
  file_->stop();
  std::filesystem::copy(scratch_ / "old.log", log_path(),
                        std::filesystem::copy_options::overwrite_existing);
  const auto loaded = open().load();
  EXPECT_EQ(loaded.held.version, 3u);
  EXPECT_EQ(loaded.held.verdicts.size(), 4u);
}

TEST_F(VerdictFileTest, ALongLogIsFoldedIntoASnapshot) {
  config_.log_bytes = 500;
  {
    std::lock_guard lock(mutex_);
    // The copy may hold a prefix twice when it changed meanwhile: the later one counts.
    PrefixVerdict earlier = refused(1);
    earlier.treatment = Treatment::kHold;
    copy_ = HeldVerdicts{"e", 21, {earlier, refused(0), refused(1)}};
  }
  open().load();
  file_->start();
  file_->replace(snapshot("e", 1, 0));
  for (uint64_t v = 1; v <= 20; ++v) file_->append("e", delta(v, v + 1, {refused(v % 2)}));
  ASSERT_TRUE(durable("e", 21));
  ASSERT_TRUE(eventually([&] {
    std::error_code being_renamed;
    std::lock_guard lock(mutex_);
    return copies_ > 0 && std::filesystem::file_size(log_path(), being_renamed) == 40;
  }));
  const auto loaded = found();
  EXPECT_EQ(loaded.held.version, 21u);
  EXPECT_EQ(sorted(loaded.held.verdicts), (std::vector{refused(0), refused(1)}));
  // A delta older than the copy is in it already; a newer one goes to the log.
  file_->append("e", delta(20, 21, {refused(0)}));
  file_->append("e", delta(21, 22, {refused(5)}));
  file_->stop();
  EXPECT_EQ(found().held.version, 22u);
}

TEST_F(VerdictFileTest, AFailingDiskHoldsNothingUpAndIsMadeGoodLater) {
  open().load();
  file_->start();
  file_->replace(snapshot("e", 1, 2));
  ASSERT_TRUE(durable("e", 1));
  std::filesystem::remove_all(config_.directory);
  file_->replace(snapshot("e", 2, 3));
  file_->append("e", delta(2, 3, {refused(7)}));
  ASSERT_TRUE(durable("e", 3));  // in force, though not on disk
  std::filesystem::create_directory(config_.directory);
  {
    std::lock_guard lock(mutex_);
    copy_ = HeldVerdicts{"e", 3, {refused(0), refused(1), refused(2), refused(7)}};
  }
  ASSERT_TRUE(eventually([&] { return found().held.version == 3; }));
  EXPECT_EQ(found().held.verdicts.size(), 4u);
}

TEST_F(VerdictFileTest, MoreChangesThanMayWaitAreTakenFromTheTableInstead) {
  config_.waiting = 10;
  {
    std::lock_guard lock(mutex_);
    copy_ = *snapshot("e", 2, 50);
  }
  open().load();
  file_->replace(snapshot("e", 1, 0));  // not started: the disk stands still
  file_->append("e", delta(1, 2, snapshot("", 0, 50)->verdicts));
  file_->start();
  ASSERT_TRUE(durable("e", 2));
  ASSERT_TRUE(eventually([&] { return found().held.version == 2; }));
  EXPECT_EQ(found().held.verdicts.size(), 50u);
}

TEST_F(VerdictFileTest, SaysWhichDirectoryItCannotUse) {
  std::ofstream(scratch_ / "file") << "x";
  config_.directory = scratch_ / "file" / "state";
  const auto file = VerdictFile::create(config_, {}, {});
  ASSERT_FALSE(file.has_value());
  EXPECT_NE(file.error().find("file/state"), std::string::npos) << file.error();
}

}  // namespace
}  // namespace postern::agent
