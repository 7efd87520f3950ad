#include <gtest/gtest.h>

#include "dataplane/verdict/verdict.h"

namespace postern::verdict {
namespace {

constexpr uint64_t kSecondUs = 1'000'000;
constexpr uint64_t kStart = 5'000 * kSecondUs;

int taken(ThrottleBucket& bucket, uint32_t per_minute, uint64_t now, int attempts) {
  int n = 0;
  for (int i = 0; i < attempts; ++i) n += bucket.take(per_minute, now);
  return n;
}

TEST(ThrottleBucket, StartsFullWithOneMinutesAllowance) {
  for (const uint32_t rate : {1u, 7u, 60u, 1000u}) {
    ThrottleBucket bucket;
    EXPECT_EQ(taken(bucket, rate, kStart, 2000), static_cast<int>(rate)) << rate;
  }
}

// At 6 a minute one message is earned every 10 seconds.
TEST(ThrottleBucket, EarnsItsAllowanceBackEvenly) {
  ThrottleBucket bucket;
  EXPECT_EQ(taken(bucket, 6, kStart, 100), 6);
  EXPECT_FALSE(bucket.take(6, kStart + 10 * kSecondUs - 1));
  EXPECT_TRUE(bucket.take(6, kStart + 10 * kSecondUs));
  EXPECT_FALSE(bucket.take(6, kStart + 10 * kSecondUs));
  EXPECT_EQ(taken(bucket, 6, kStart + 40 * kSecondUs, 100), 3);
}

TEST(ThrottleBucket, NeverHoldsMoreThanAMinute) {
  ThrottleBucket bucket;
  EXPECT_EQ(taken(bucket, 6, kStart, 100), 6);
  EXPECT_EQ(taken(bucket, 6, kStart + 3600 * kSecondUs, 100), 6);
}

// The first minute spends the full bucket and what is earned meanwhile; after that 7 a minute.
TEST(ThrottleBucket, KeepsToTheRateInTheLongRun) {
  ThrottleBucket bucket;
  int passed = 0;
  for (uint64_t t = 0; t < 600; ++t) passed += taken(bucket, 7, kStart + t * kSecondUs, 3);
  EXPECT_GE(passed, 7 + 69);
  EXPECT_LE(passed, 7 + 70);
}

TEST(ThrottleBucket, ZeroAMinuteLetsNothingPass) {
  ThrottleBucket bucket;
  EXPECT_FALSE(bucket.take(0, kStart));
}

// Workers read the clock a little apart.
TEST(ThrottleBucket, AClockThatIsBehindIsNotAnotherAllowance) {
  ThrottleBucket bucket;
  EXPECT_EQ(taken(bucket, 5, kStart, 100), 5);
  EXPECT_FALSE(bucket.take(5, kStart - kSecondUs));
}

TEST(ThrottleBucket, CarriesOverWhatWasSpent) {
  ThrottleBucket spent, next;
  taken(spent, 5, kStart, 5);
  next.carry_over(spent);
  EXPECT_FALSE(next.take(5, kStart));
}

}  // namespace
}  // namespace postern::verdict
