#include "dataplane/agent/event_spool.h"

#include <gtest/gtest.h>

namespace postern::agent {
namespace {

using std::chrono::milliseconds;
const EventSpool::Time kStart{std::chrono::hours(1)};

channel::v1::Event numbered(uint64_t n) {
  channel::v1::Event event;
  event.set_message_bytes(n);
  return event;
}

std::vector<uint64_t> numbers(const channel::v1::FromDataPlane& message) {
  std::vector<uint64_t> out;
  for (const auto& event : message.events().events()) out.push_back(event.message_bytes());
  return out;
}

using Numbers = std::vector<uint64_t>;

TEST(EventSpool, MakesABatchWhenItIsFullOrHasWaited) {
  EventSpool spool({.batch = 2, .linger = milliseconds(100)}, "boot");
  EXPECT_EQ(spool.due(), EventSpool::Time::max());
  EXPECT_TRUE(spool.add(numbered(1), kStart).due_changed);
  EXPECT_EQ(spool.next(kStart), nullptr);
  EXPECT_EQ(spool.due(), kStart + milliseconds(100));
  EXPECT_TRUE(spool.add(numbered(2), kStart).due_changed);
  EXPECT_FALSE(spool.add(numbered(3), kStart).due_changed);
  const auto full = spool.next(kStart);
  ASSERT_NE(full, nullptr);
  EXPECT_EQ(numbers(*full), (Numbers{1, 2}));
  EXPECT_EQ(full->events().batch(), 1u);
  EXPECT_EQ(full->events().boot(), "boot");
  EXPECT_EQ(spool.next(kStart + milliseconds(99)), nullptr);
  const auto waited = spool.next(kStart + milliseconds(100));
  ASSERT_NE(waited, nullptr);
  EXPECT_EQ(numbers(*waited), (Numbers{3}));
  EXPECT_EQ(waited->events().batch(), 2u);
}

TEST(EventSpool, KeepsEventsWithoutTheirHeaderSamplesOnceThoseAreTooMuch) {
  EventSpool spool({.batch = 2, .sample_bytes = 10}, "boot");
  const auto sampled = [](uint64_t n, size_t bytes) {
    channel::v1::Event event = numbered(n);
    event.set_header_sample(std::string(bytes, 'x'));
    event.set_header_sample_cut(true);
    return event;
  };
  spool.add(sampled(1, 6), kStart);
  spool.add(sampled(2, 5), kStart);
  const auto first = spool.next(kStart);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(numbers(*first), (Numbers{1, 2}));
  EXPECT_EQ(first->events().events(0).header_sample().size(), 6u);
  EXPECT_EQ(first->events().events(1).header_sample(), "");
  EXPECT_FALSE(first->events().events(1).header_sample_cut());
  spool.add(sampled(3, 4), kStart);
  spool.add(sampled(4, 1), kStart);
  const auto second = spool.next(kStart);
  EXPECT_EQ(second->events().events(0).header_sample().size(), 4u);
  EXPECT_EQ(second->events().events(1).header_sample(), "");
  // What control has makes room.
  spool.acknowledge(1);
  spool.add(sampled(5, 6), kStart);
  spool.add(sampled(6, 1), kStart);
  const auto third = spool.next(kStart);
  EXPECT_EQ(third->events().events(0).header_sample().size(), 6u);
  EXPECT_EQ(third->events().events(1).header_sample(), "");
}

TEST(EventSpool, InAHurryNothingWaits) {
  EventSpool spool({}, "boot");
  spool.add(numbered(1), kStart);
  EXPECT_NE(spool.next(kStart, true), nullptr);
}

TEST(EventSpool, SendsAgainUnderTheSameNumberWhatWasNotAcknowledged) {
  EventSpool spool({.batch = 1}, "boot");
  for (uint64_t n = 1; n <= 3; ++n) spool.add(numbered(n), kStart);
  for (int n = 0; n < 3; ++n) ASSERT_NE(spool.next(kStart), nullptr);
  spool.acknowledge(2);
  spool.acknowledge(77);
  EXPECT_EQ(spool.spooled(), 2u);
  spool.send_all_again();
  const auto first = spool.next(kStart), third = spool.next(kStart);
  ASSERT_TRUE(first && third);
  EXPECT_EQ(first->events().batch(), 1u);
  EXPECT_EQ(numbers(*first), (Numbers{1}));
  EXPECT_EQ(third->events().batch(), 3u);
  EXPECT_EQ(numbers(*third), (Numbers{3}));
  EXPECT_EQ(spool.next(kStart), nullptr);
  spool.acknowledge(1);
  spool.acknowledge(3);
  EXPECT_EQ(spool.spooled(), 0u);
}

TEST(EventSpool, AtItsBoundCountsTheNewestAsLost) {
  EventSpool spool({.capacity = 3, .batch = 2}, "boot");
  for (uint64_t n = 1; n <= 3; ++n) EXPECT_TRUE(spool.add(numbered(n), kStart).taken);
  EXPECT_FALSE(spool.add(numbered(4), kStart).taken);
  ASSERT_NE(spool.next(kStart), nullptr);
  // Sent is not acknowledged: it still counts.
  EXPECT_FALSE(spool.add(numbered(5), kStart).taken);
  EXPECT_EQ(spool.lost(), 2u);
  spool.acknowledge(1);
  EXPECT_TRUE(spool.add(numbered(6), kStart).taken);
  EXPECT_EQ(numbers(*spool.next(kStart)), (Numbers{3, 6}));
}

TEST(EventSpool, DoesNotRunFarAheadOfTheAnswers) {
  EventSpool spool({.batch = 1, .unacknowledged_batches = 2}, "boot");
  for (uint64_t n = 1; n <= 3; ++n) spool.add(numbered(n), kStart);
  EXPECT_NE(spool.next(kStart), nullptr);
  EXPECT_NE(spool.next(kStart), nullptr);
  EXPECT_EQ(spool.next(kStart), nullptr);
  EXPECT_EQ(spool.due(), EventSpool::Time::max());
  spool.acknowledge(1);
  EXPECT_NE(spool.next(kStart), nullptr);
}

}  // namespace
}  // namespace postern::agent
