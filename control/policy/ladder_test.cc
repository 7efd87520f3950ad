#include "control/policy/ladder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/policy/replay.h"

namespace postern::policy {
namespace {

using channel::v1::Event;
using ledger::Step;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr uint64_t kSomeTime = 1'800'000'000;

class LadderTest : public testing::Test {
 protected:
  LadderTest() {
    settings.ladder = {
        {.step = Step::kObserve, .window_s = 600, .spam = 2, .failed_logins = 20, .volume = 5},
        {.step = Step::kThrottle, .window_s = 600, .spam = 4, .share = 0.1},
        {.step = Step::kHold, .window_s = 600, .spam = 6, .share = 0.1},
        {.step = Step::kBlock, .window_s = 600, .spam = 8, .share = 0.25},
        {.step = Step::kRevoke, .window_s = 3600, .attempts = 100}};
    settings.large_sender = 1000;
  }
  void spam(int n, std::string user = "", uint64_t at = kSomeTime) {
    for (int i = 0; i < n; ++i) add("refused_content", user, at);
  }
  void ham(int n, std::string user = "") {
    for (int i = 0; i < n; ++i) add("forwarded", user, kSomeTime);
  }
  void add(std::string outcome, const std::string& user, uint64_t at) {
    Event event;
    event.set_kind("message");
    event.set_client("192.0.2.7");
    event.set_wall_us(at * 1'000'000);
    event.set_outcome(std::move(outcome));
    event.set_content_hash(fmt::format("{:016x}", ++fingerprint_));
    event.set_auth_user(user);
    window.add(event, at);
    events.push_back(event);
  }
  std::vector<Finding> found(Volume volume = {}, std::vector<SenderPart> blocked = {}) {
    return judge(window, volume, settings, blocked, kSomeTime);
  }

  Settings settings;
  ServerWindow window;
  std::vector<Event> events;

 private:
  uint64_t fingerprint_ = 0;
};

TEST_F(LadderTest, TheHighestRungThatHoldsCounts) {
  spam(1);
  EXPECT_THAT(found(), IsEmpty());
  spam(1);
  ASSERT_THAT(found(), SizeIs(1));
  EXPECT_EQ(found()[0].step, Step::kObserve);
  spam(2);
  EXPECT_EQ(found()[0].step, Step::kThrottle);
  spam(2);
  EXPECT_EQ(found()[0].step, Step::kHold);
  spam(2);
  EXPECT_EQ(found()[0].step, Step::kBlock);
  EXPECT_EQ(found()[0].reason, "8 different spam messages in 10m, 100 % of 8");
  ham(24);  // 8 of 32: still a quarter
  EXPECT_EQ(found()[0].step, Step::kBlock);
  ham(1);
  EXPECT_EQ(found()[0].step, Step::kHold);
}

TEST_F(LadderTest, OneUserIsJudgedByHisOwnMail) {
  spam(8, "bob");
  ham(1000, "alice");
  const auto all = found();
  ASSERT_THAT(all, SizeIs(1));  // 8 of 1,008 is nothing to hold against the server
  EXPECT_EQ(all[0].part.to_string(), "user:bob");
  EXPECT_EQ(all[0].step, Step::kBlock);
}

TEST_F(LadderTest, ManyUsersAreTheServer) {
  for (int i = 0; i < 8; ++i) spam(1, fmt::format("user{}", i));
  const auto all = found();
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_TRUE(all[0].part.is_whole());
  EXPECT_EQ(all[0].step, Step::kBlock);
}

TEST_F(LadderTest, ThreeUsersAreAFew) {
  spam(8, "a");
  spam(8, "b");
  spam(8, "c");
  spam(6);  // 24 of 30 are theirs: 80 %
  const auto all = found();
  ASSERT_THAT(all, SizeIs(4));
  EXPECT_EQ(all.back().part.kind() == SenderPart::Kind::kWhole, all.back().step == Step::kHold);
  int blocked = 0;
  for (const Finding& finding : all) {
    if (finding.part.is_whole()) {
      EXPECT_EQ(finding.step, Step::kHold);  // 6 are left to the server
    } else {
      EXPECT_EQ(finding.step, Step::kBlock);
      ++blocked;
    }
  }
  EXPECT_EQ(blocked, 3);
}

TEST_F(LadderTest, WhatABlockedUserSentIsNotTheServers) {
  const SenderPart bob = *SenderPart::user("bob");
  spam(3, "bob");
  spam(3);  // half of it: nothing separates
  EXPECT_EQ(found()[0].step, Step::kHold);
  const auto left = found({}, {bob});
  ASSERT_THAT(left, SizeIs(2));
  for (const Finding& finding : left) EXPECT_EQ(finding.step, Step::kObserve);  // three each
  spam(16, "dave");  // of the 19 that are not bob's he sent 84 %
  const auto more = found({}, {bob});
  ASSERT_THAT(more, SizeIs(3));
  for (const Finding& finding : more) {
    EXPECT_EQ(finding.step,
              finding.part.to_string() == "user:dave" ? Step::kBlock : Step::kObserve);
  }
}

TEST_F(LadderTest, LargeSendersAreAskedForMore) {
  spam(8);
  EXPECT_EQ(found({1'000})[0].step, Step::kBlock);
  EXPECT_EQ(found({2'000})[0].step, Step::kThrottle);  // 4 × 2 = 8; hold would be 12
  EXPECT_THAT(found({20'000}), IsEmpty());             // 2 × 20 = 40
  spam(32);
  EXPECT_EQ(found({1'000'000})[0].step, Step::kObserve);  // never more than twenty times
}

TEST_F(LadderTest, OtherConditionsAreEnoughByThemselves) {
  Event session;
  session.set_kind("session");
  session.mutable_session()->set_failed_logins(20);
  window.add(session, kSomeTime);
  ASSERT_THAT(found(), SizeIs(1));
  EXPECT_THAT(found()[0].reason, HasSubstr("20 failed logins in 10m"));
  for (int i = 0; i < 100; ++i) add("refused_verdict", "", kSomeTime);
  EXPECT_EQ(found()[0].step, Step::kRevoke);
}

TEST_F(LadderTest, VolumeIsComparedWithWhatIsUsual) {
  ham(240);
  EXPECT_THAT(found(), IsEmpty());         // nothing is known
  EXPECT_THAT(found({1'200}), IsEmpty());  // 50 an hour: 4.8 times
  ASSERT_THAT(found({1'000}), SizeIs(1));  // 41.7 an hour: 5.8 times
  EXPECT_THAT(found({1'000})[0].reason, HasSubstr("240 messages in an hour, 6 times"));
}

TEST_F(LadderTest, ARungThatIsOffIsPassedOver) {
  settings.ladder[3].enabled = false;
  spam(8);
  EXPECT_EQ(found()[0].step, Step::kHold);
}

TEST_F(LadderTest, AReplayTellsEachStepOnce) {
  for (uint64_t i = 0; i < 20; ++i) spam(1, "", kSomeTime + i);
  const auto steps = replay(events, settings);
  ASSERT_THAT(steps, SizeIs(4));
  EXPECT_EQ(steps[0].at_unix_s, kSomeTime + 1);
  EXPECT_EQ(steps[3].finding.step, Step::kBlock);
  EXPECT_EQ(steps[3].at_unix_s, kSomeTime + 7);
  EXPECT_EQ(steps[3].server.to_string(), "192.0.2.7");
}

}  // namespace
}  // namespace postern::policy
