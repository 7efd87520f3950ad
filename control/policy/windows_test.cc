#include "control/policy/windows.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace postern::policy {
namespace {

using channel::v1::Event;
using News = ServerWindow::News;

constexpr uint64_t kQuarterHour = 1'800'000'000;  // a multiple of 900

Event message(std::string outcome, uint64_t fingerprint, std::string user = "",
              std::string from = "") {
  Event event;
  event.set_kind("message");
  event.set_client("192.0.2.7");
  event.set_outcome(std::move(outcome));
  event.set_content_hash(fmt::format("{:016x}", fingerprint));
  if (!user.empty()) event.set_auth_user(std::move(user));
  if (!from.empty()) {
    event.mutable_origin()->set_ip(std::move(from));
    event.mutable_origin()->set_confidence("high");
  }
  return event;
}

TEST(Tally, CountsWhatIsInTheWindow) {
  Tally tally;
  tally.add(kQuarterHour, 3);
  tally.add(kQuarterHour + 60, 4);
  tally.add(kQuarterHour + 600, 5);
  EXPECT_EQ(tally.in_last(600, kQuarterHour + 600), 9u);  // what came at 0 is 600 s old
  EXPECT_EQ(tally.in_last(601, kQuarterHour + 600), 12u);
  EXPECT_EQ(tally.in_last(60, kQuarterHour + 600), 5u);
  EXPECT_EQ(tally.in_last(60, kQuarterHour + 700), 0u);
}

TEST(Tally, KeepsADayAndIsExactToAQuarterOfAnHour) {
  Tally tally;
  for (uint64_t minute = 0; minute < 3 * 1440; ++minute) tally.add(kQuarterHour + minute * 60, 1);
  const uint64_t end = kQuarterHour + 3 * 86'400 - 60;
  EXPECT_EQ(tally.in_last(3600, end), 60u);
  // The last day is 1,440 minutes; a quarter that it cuts counts whole or not at all.
  EXPECT_NEAR(static_cast<double>(tally.in_last(86'400, end)), 1440, 15);
}

TEST(ServerWindow, RetriesAreOneMessage) {
  ServerWindow window;
  EXPECT_EQ(window.add(message("refused_content", 1), kQuarterHour), News::kSpam);
  EXPECT_EQ(window.add(message("refused_content", 1), kQuarterHour + 1), News::kNone);
  for (int i = 0; i < 5; ++i) window.add(message("deferred_hold", 2), kQuarterHour + 2);
  window.add(message("forwarded", 3), kQuarterHour + 3);
  window.add(message("forwarded", 3), kQuarterHour + 3);  // taken twice: two messages
  const Counts counts = window.whole(600, kQuarterHour + 3);
  EXPECT_EQ(counts.spam, 1u);
  EXPECT_EQ(counts.messages, 4u);  // one spam, one deferred, two forwarded
}

TEST(ServerWindow, AFingerprintSlidesOutWithItsFirstSight) {
  ServerWindow window;
  window.add(message("refused_content", 1), kQuarterHour);
  window.add(message("refused_content", 1), kQuarterHour + 500);
  EXPECT_EQ(window.whole(600, kQuarterHour + 599).spam, 1u);
  EXPECT_EQ(window.whole(600, kQuarterHour + 600).spam, 0u);
  // A day later it is news again.
  EXPECT_EQ(window.add(message("refused_content", 1), kQuarterHour + kLongestWindow_s),
            News::kSpam);
}

TEST(ServerWindow, PartsAreCountedByThemselves) {
  ServerWindow window;
  for (uint64_t i = 0; i < 4; ++i)
    window.add(message("refused_content", i, "Bob", "203.0.113.9"), kQuarterHour);
  window.add(message("refused_content", 10, "alice"), kQuarterHour);
  for (uint64_t i = 20; i < 26; ++i) window.add(message("forwarded", i, "bob"), kQuarterHour);
  const SenderPart bob = *SenderPart::user("bob");
  EXPECT_EQ(window.part(bob, 600, kQuarterHour), (Counts{.spam = 4, .messages = 10}));
  EXPECT_EQ(window.part(*SenderPart::parse("from:203.0.113.9"), 600, kQuarterHour).spam, 4u);
  EXPECT_EQ(window.whole(600, kQuarterHour), (Counts{.spam = 5, .messages = 11}));
  EXPECT_EQ(window.whole(600, kQuarterHour, {bob}), (Counts{.spam = 1, .messages = 1}));
  const auto parts = window.parts(600, kQuarterHour);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0].part.to_string(), "user:bob");
  EXPECT_EQ(parts[1].part.to_string(), "user:alice");
  EXPECT_EQ(parts[2].part.to_string(), "from:203.0.113.9");

  window.forgive(bob);
  EXPECT_EQ(window.whole(600, kQuarterHour).spam, 1u);
  EXPECT_EQ(window.add(message("refused_content", 0, "bob"), kQuarterHour), News::kSpam);
}

TEST(ServerWindow, OnlyWhatIsCertainMakesAPart) {
  Event event = message("refused_content", 1, "", "203.0.113.9");
  EXPECT_EQ(injector_of(event).to_string(), "from:203.0.113.9");
  event.mutable_origin()->set_confidence("medium");
  EXPECT_TRUE(injector_of(event).is_whole());
  EXPECT_TRUE(injector_of(message("refused_content", 1, "", "127.0.0.1")).is_whole());
  EXPECT_TRUE(injector_of(message("refused_content", 1, "", "192.0.2.7")).is_whole());  // itself
  event.mutable_origin()->set_user("bob");
  EXPECT_TRUE(user_of(event).is_whole());  // named, but not logged in
  event.mutable_origin()->set_auth("yes");
  EXPECT_EQ(user_of(event).to_string(), "user:bob");
}

TEST(ServerWindow, WhatAPartsBlockStopsIsNoAttemptOfTheServer) {
  ServerWindow window;
  Event blocked = message("refused_verdict", 0);
  blocked.set_held_by("user:bob");
  EXPECT_EQ(window.add(blocked, kQuarterHour), News::kNone);
  blocked.set_held_by("smorf-block");
  EXPECT_EQ(window.add(blocked, kQuarterHour), News::kOther);
  EXPECT_EQ(window.whole(600, kQuarterHour).attempts, 1u);
}

TEST(ServerWindow, IsBounded) {
  ServerWindow window;
  for (uint64_t i = 0; i < 10'000; ++i)
    window.add(message(i % 2 == 0 ? "refused_content" : "deferred_hold", i, fmt::format("u{}", i)),
               kQuarterHour);
  EXPECT_EQ(window.whole(600, kQuarterHour).spam, ServerWindow::kMostSpam);
  EXPECT_EQ(window.whole(600, kQuarterHour).messages,
            ServerWindow::kMostSpam + ServerWindow::kMostDeferred);
}

}  // namespace
}  // namespace postern::policy
