#include "control/server/verdict_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "control/ledger/sqlite_ledger.h"

namespace postern::server {
namespace {

using channel::v1::Ack;
using channel::v1::Hello;
using channel::v1::ToDataPlane;
using ledger::Action;
using ledger::Change;
using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

class VerdictFeedTest : public testing::Test {
 protected:
  VerdictFeedTest() {
    std::string name = testing::TempDir() + "postern-feed-XXXXXX";
    directory_ = mkdtemp(name.data());
    ledger_ = std::move(*ledger::open_sqlite_ledger(directory_ / "ledger.sqlite"));
  }
  ~VerdictFeedTest() override {
    ledger_.reset();
    std::filesystem::remove_all(directory_);
  }

  void set(std::string_view prefix, uint32_t last_octet_case = 1) {
    const Change change{Action::kSet,
                        {.prefix = *IpPrefix::parse(prefix),
                         .treatment = channel::v1::TREATMENT_REFUSE,
                         .case_reference = {last_octet_case}}};
    ASSERT_TRUE(ledger_->apply(std::span(&change, 1)).has_value());
  }
  void clear(std::string_view prefix) {
    const Change change{Action::kClear, {.prefix = *IpPrefix::parse(prefix)}};
    ASSERT_TRUE(ledger_->apply(std::span(&change, 1)).has_value());
  }
  Hello hello(uint64_t version) {
    Hello out;
    out.set_epoch(ledger_->version().epoch);
    out.set_version(version);
    return out;
  }
  Ack ack(uint64_t version) {
    Ack out;
    out.set_epoch(ledger_->version().epoch);
    out.set_version(version);
    return out;
  }
  ToDataPlane next(VerdictFeed& feed, VerdictFeed::Time now = {}) {
    EXPECT_TRUE(feed.ready_at().has_value() && *feed.ready_at() <= now);
    auto message = feed.next(now);
    EXPECT_TRUE(message.has_value());
    return message.value_or(ToDataPlane());
  }

  std::filesystem::path directory_;
  std::unique_ptr<ledger::Ledger> ledger_;
};

// Octets as the schema has them: "\300\0\2\1" is 192.0.2.1.
std::vector<std::string> addresses(const auto& verdicts) {
  std::vector<std::string> out;
  for (const auto& verdict : verdicts) out.push_back(verdict.address());
  return out;
}
std::string v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  return {static_cast<char>(a), static_cast<char>(b), static_cast<char>(c), static_cast<char>(d)};
}

TEST_F(VerdictFeedTest, ANewDataPlaneGetsASnapshotEvenOfNothing) {
  VerdictFeed feed(*ledger_);
  feed.hello(Hello());
  const ToDataPlane message = next(feed);
  ASSERT_TRUE(message.has_snapshot());
  EXPECT_EQ(message.snapshot().epoch(), ledger_->version().epoch);
  EXPECT_EQ(message.snapshot().version(), 0u);
  EXPECT_TRUE(message.snapshot().last());
  EXPECT_FALSE(feed.ready_at().has_value());
}

TEST_F(VerdictFeedTest, ASnapshotComesInParts) {
  for (const char* prefix : {"192.0.2.1", "192.0.2.2", "192.0.2.0/24", "2001:db8::/32"})
    set(prefix);
  VerdictFeed feed(*ledger_, {.snapshot_part = 2});
  feed.hello(Hello());
  const ToDataPlane first = next(feed), second = next(feed);
  EXPECT_FALSE(first.snapshot().last());
  EXPECT_THAT(addresses(first.snapshot().verdicts()),
              ElementsAre(v4(192, 0, 2, 0), v4(192, 0, 2, 1)));
  EXPECT_EQ(first.snapshot().verdicts(0).prefix_length(), 24u);
  EXPECT_EQ(first.snapshot().verdicts(1).prefix_length(), 32u);
  EXPECT_TRUE(second.snapshot().last());
  ASSERT_EQ(second.snapshot().verdicts_size(), 2);
  EXPECT_EQ(second.snapshot().verdicts(1).address().substr(0, 4), "\x20\x01\x0d\xb8");
  EXPECT_EQ(second.snapshot().verdicts(1).address().size(), 16u);
  EXPECT_EQ(second.snapshot().verdicts(1).prefix_length(), 32u);
  EXPECT_EQ(second.snapshot().version(), 4u);
  EXPECT_FALSE(feed.ready_at().has_value());
}

TEST_F(VerdictFeedTest, AChangeDuringASnapshotIsToldByTheNextDelta) {
  set("192.0.2.1");
  set("192.0.2.2");
  VerdictFeed feed(*ledger_, {.snapshot_part = 1});
  feed.hello(Hello());
  EXPECT_FALSE(next(feed).snapshot().last());
  clear("192.0.2.1");  // told already
  const ToDataPlane second = next(feed);
  EXPECT_TRUE(second.snapshot().last());
  EXPECT_EQ(second.snapshot().version(), 2u);
  const ToDataPlane third = next(feed);
  ASSERT_TRUE(third.has_delta());
  EXPECT_EQ(third.delta().from_version(), 2u);
  EXPECT_EQ(third.delta().to_version(), 3u);
  EXPECT_THAT(addresses(third.delta().removals()), ElementsAre(v4(192, 0, 2, 1)));
}

TEST_F(VerdictFeedTest, AReturningDataPlaneGetsOnlyWhatItMissed) {
  set("192.0.2.1");
  set("192.0.2.2");
  set("192.0.2.3");
  VerdictFeed feed(*ledger_);
  feed.hello(hello(1));
  const ToDataPlane message = next(feed);
  ASSERT_TRUE(message.has_delta());
  EXPECT_EQ(message.delta().epoch(), ledger_->version().epoch);
  EXPECT_EQ(message.delta().from_version(), 1u);
  EXPECT_EQ(message.delta().to_version(), 3u);
  EXPECT_THAT(addresses(message.delta().upserts()),
              ElementsAre(v4(192, 0, 2, 2), v4(192, 0, 2, 3)));
  EXPECT_THAT(message.delta().removals(), IsEmpty());
}

TEST_F(VerdictFeedTest, OneThatIsUpToDateGetsNothingUntilSomethingChanges) {
  set("192.0.2.1");
  VerdictFeed feed(*ledger_);
  feed.hello(hello(1));
  EXPECT_FALSE(feed.ready_at().has_value());
  set("192.0.2.2");
  EXPECT_EQ(next(feed).delta().to_version(), 2u);
  EXPECT_FALSE(feed.ready_at().has_value());
}

TEST_F(VerdictFeedTest, OfSeveralChangesOnAPrefixTheLastOneCounts) {
  set("192.0.2.1", 11);
  set("192.0.2.2");
  clear("192.0.2.2");
  set("192.0.2.1", 12);
  clear("192.0.2.3");
  set("192.0.2.3", 13);
  VerdictFeed feed(*ledger_);
  feed.hello(hello(0));
  const ToDataPlane message = next(feed);
  EXPECT_THAT(addresses(message.delta().upserts()),
              ElementsAre(v4(192, 0, 2, 1), v4(192, 0, 2, 3)));
  EXPECT_EQ(message.delta().upserts(0).case_reference(), 12u);
  EXPECT_THAT(addresses(message.delta().removals()), ElementsAre(v4(192, 0, 2, 2)));
}

TEST_F(VerdictFeedTest, BlocksOnPartsOfASenderTravelAsTheirOwn) {
  const auto change = [&](ledger::Action action, std::string_view part) {
    const Change made{action,
                      {.prefix = *IpPrefix::parse("192.0.2.1"),
                       .treatment = channel::v1::TREATMENT_HOLD,
                       .of = channel::v1::SWITCH_SMORF_BLOCK,
                       .part = *ledger::Part::parse(part)}};
    ASSERT_TRUE(ledger_->apply(std::span(&made, 1)).has_value());
  };
  change(Action::kSet, "user:bob");
  change(Action::kSet, "from:10.1.0.0/16");
  change(Action::kSet, "");
  VerdictFeed feed(*ledger_);
  feed.hello(Hello());
  const ToDataPlane snapshot = next(feed);
  ASSERT_EQ(snapshot.snapshot().verdicts_size(), 3);
  EXPECT_EQ(snapshot.snapshot().verdicts(0).auth_user(), "");
  EXPECT_EQ(snapshot.snapshot().verdicts(0).injecting_address(), "");
  EXPECT_EQ(snapshot.snapshot().verdicts(1).injecting_address(), v4(10, 1, 0, 0));
  EXPECT_EQ(snapshot.snapshot().verdicts(1).injecting_length(), 16u);
  EXPECT_EQ(snapshot.snapshot().verdicts(2).auth_user(), "bob");
  // Of each part the last change counts.
  change(Action::kClear, "user:bob");
  change(Action::kClear, "from:10.1.0.0/16");
  change(Action::kSet, "user:bob");
  change(Action::kSet, "user:ann");
  const ToDataPlane delta = next(feed);
  ASSERT_EQ(delta.delta().upserts_size(), 2);
  EXPECT_EQ(delta.delta().upserts(0).auth_user(), "bob");
  EXPECT_EQ(delta.delta().upserts(1).auth_user(), "ann");
  ASSERT_EQ(delta.delta().removals_size(), 1);
  EXPECT_EQ(delta.delta().removals(0).of(), channel::v1::SWITCH_SMORF_BLOCK);
  EXPECT_EQ(delta.delta().removals(0).injecting_address(), v4(10, 1, 0, 0));
  EXPECT_EQ(delta.delta().removals(0).injecting_length(), 16u);
  EXPECT_EQ(delta.delta().removals(0).auth_user(), "");
}

TEST_F(VerdictFeedTest, FarBehindAnotherEpochOrAVersionOfTheFutureMeansASnapshot) {
  for (int i = 1; i <= 4; ++i) set("192.0.2." + std::to_string(i));
  VerdictFeed feed(*ledger_, {.longest_delta = 2});
  feed.hello(hello(1));
  EXPECT_TRUE(next(feed).has_snapshot());
  feed.hello(hello(2));
  EXPECT_TRUE(next(feed).has_delta());
  feed.hello(hello(5));
  EXPECT_TRUE(next(feed).has_snapshot());
  Hello other = hello(4);
  other.set_epoch("another");
  feed.hello(other);
  EXPECT_TRUE(next(feed).has_snapshot());
}

TEST_F(VerdictFeedTest, ARefusedDeltaIsFollowedByASnapshot) {
  VerdictFeed feed(*ledger_);
  feed.hello(hello(0));
  set("192.0.2.1");
  EXPECT_TRUE(next(feed).has_delta());
  feed.refused();
  EXPECT_TRUE(next(feed).has_snapshot());
  EXPECT_FALSE(feed.ready_at().has_value());
}

TEST_F(VerdictFeedTest, WhoRefusesSnapshotsGetsTheNextOneOnlyAfterAWhile) {
  const VerdictFeed::Time start{100s};
  VerdictFeed feed(*ledger_, {.snapshot_spacing = 1000ms});
  feed.hello(Hello());
  EXPECT_TRUE(next(feed, start).has_snapshot());
  feed.refused();
  EXPECT_EQ(feed.ready_at(), start + 1s);
  EXPECT_TRUE(next(feed, start + 1s).has_snapshot());
}

TEST_F(VerdictFeedTest, RefusalsOfWhatCameBeforeTheSnapshotAreMadeGoodByIt) {
  VerdictFeed feed(*ledger_);
  feed.hello(hello(0));
  set("192.0.2.1");
  next(feed);
  set("192.0.2.2");
  next(feed);
  feed.refused();  // of the first delta
  EXPECT_TRUE(next(feed).has_snapshot());
  feed.refused();  // of the second, sent before the snapshot
  EXPECT_TRUE(feed.ready_at().has_value());
  feed.acknowledged(ack(2));  // of the snapshot
  EXPECT_FALSE(feed.ready_at().has_value());
}

}  // namespace
}  // namespace postern::server
