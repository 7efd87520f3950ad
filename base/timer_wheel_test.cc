#include "base/timer_wheel.h"

#include <gtest/gtest.h>

#include <vector>

namespace postern {
namespace {

std::vector<TimerEntry*> due_at(TimerWheel& wheel, uint64_t now_us, size_t most = 100) {
  std::vector<TimerEntry*> due;
  wheel.advance(now_us, most, [&](TimerEntry* entry) { due.push_back(entry); });
  return due;
}

TEST(TimerWheel, FiresOnceAtOrAfterTheDeadline) {
  TimerWheel wheel;
  TimerEntry a, b;
  due_at(wheel, 1'000'000);
  wheel.schedule(&a, 2'000'000);
  wheel.schedule(&b, 3'000'000);
  EXPECT_TRUE(due_at(wheel, 1'999'999).empty());
  EXPECT_EQ(due_at(wheel, 2'000'000), std::vector{&a});
  EXPECT_TRUE(due_at(wheel, 2'900'000).empty());
  EXPECT_EQ(due_at(wheel, 3'100'000), std::vector{&b});
  EXPECT_TRUE(due_at(wheel, 9'000'000).empty());
}

TEST(TimerWheel, DeadlinesBeyondATurnWaitTheirTurns) {
  TimerWheel wheel;
  TimerEntry far;
  due_at(wheel, 0);
  wheel.schedule(&far, 600'000'000);
  for (uint64_t now = 0; now < 600'000'000; now += 1'000'000)
    EXPECT_TRUE(due_at(wheel, now).empty());
  EXPECT_EQ(due_at(wheel, 600'000'000).size(), 1u);
}

TEST(TimerWheel, ALongPauseLosesNothing) {
  TimerWheel wheel;
  TimerEntry a;
  due_at(wheel, 0);
  wheel.schedule(&a, 5'000'000);
  EXPECT_EQ(due_at(wheel, 3'600'000'000).size(), 1u);
}

TEST(TimerWheel, AStepIsBounded) {
  TimerWheel wheel;
  std::vector<TimerEntry> many(10);
  due_at(wheel, 0);
  for (auto& entry : many) wheel.schedule(&entry, 1'000'000);
  EXPECT_EQ(due_at(wheel, 2'000'000, 4).size(), 4u);
  EXPECT_EQ(due_at(wheel, 2'000'000, 4).size(), 4u);
  EXPECT_EQ(due_at(wheel, 2'000'000, 4).size(), 2u);
}

TEST(TimerWheel, MovedAndCancelledEntriesDoNotFire) {
  TimerWheel wheel;
  TimerEntry a, b;
  due_at(wheel, 0);
  wheel.schedule(&a, 1'000'000);
  wheel.schedule(&b, 1'000'000);
  wheel.schedule(&a, 4'000'000);
  wheel.cancel(&b);
  EXPECT_TRUE(due_at(wheel, 3'000'000).empty());
  EXPECT_EQ(due_at(wheel, 4'100'000), std::vector{&a});
}

}  // namespace
}  // namespace postern
