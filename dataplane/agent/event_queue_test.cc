#include "dataplane/agent/event_queue.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace postern::agent {
namespace {

void put(EventQueue& queue, uint64_t number) {
  worker::Event* event = queue.reserve();
  ASSERT_NE(event, nullptr);
  event->message_bytes = number;
  queue.publish(event);
}

std::vector<uint64_t> drained(EventQueue& queue, uint32_t most = UINT32_MAX) {
  std::vector<uint64_t> out;
  queue.drain([&](const worker::Event& e) { out.push_back(e.message_bytes); }, most);
  return out;
}

TEST(EventQueue, IsFullAtItsCapacityAndGivesBackInOrder) {
  EventQueue queue(3);
  ASSERT_EQ(queue.capacity(), 4u);
  for (uint64_t i = 0; i < 4; ++i) put(queue, i);
  EXPECT_EQ(queue.reserve(), nullptr);
  EXPECT_EQ(drained(queue, 1), (std::vector<uint64_t>{0}));
  put(queue, 4);
  EXPECT_EQ(queue.reserve(), nullptr);
  EXPECT_EQ(drained(queue), (std::vector<uint64_t>{1, 2, 3, 4}));
  EXPECT_TRUE(drained(queue).empty());
}

TEST(EventQueue, GivesRoomForAFewHeaderSamplesUntilTheirEventsAreDrained) {
  EventQueue queue(256);
  for (uint32_t i = 0; i < 200; ++i) {
    worker::Event* event = queue.reserve();
    worker::HeaderSample* sample = i % 2 == 0 ? queue.reserve_sample() : nullptr;
    ASSERT_EQ(sample != nullptr, i % 2 == 0 && i < 2 * EventQueue::kSamples) << i;
    if (sample != nullptr) sample->length = static_cast<uint16_t>(i);
    event->header_sample = sample;
    queue.publish(event);
  }
  std::vector<uint16_t> lengths;
  const auto look = [&](const worker::Event& e) {
    if (e.header_sample != nullptr) lengths.push_back(e.header_sample->length);
  };
  queue.drain(look, 3);
  EXPECT_EQ(lengths, (std::vector<uint16_t>{0, 2}));
  EXPECT_NE(queue.reserve_sample(), nullptr);
  EXPECT_NE(queue.reserve_sample(), nullptr);
  EXPECT_EQ(queue.reserve_sample(), nullptr);
  queue.drain(look);
  EXPECT_EQ(lengths.size(), EventQueue::kSamples);
  EXPECT_EQ(lengths.back(), 2 * (EventQueue::kSamples - 1));
}

TEST(EventQueue, WhatWasOnlyReservedIsNotSeen) {
  EventQueue queue(2);
  ASSERT_NE(queue.reserve(), nullptr);
  EXPECT_TRUE(drained(queue).empty());
}

TEST(EventQueue, ASlotUsedAgainIsNew) {
  EventQueue queue(1);
  worker::Event* event = queue.reserve();
  event->subject.assign("before");
  event->recipients_stored = 1;
  event->recipients[0].assign("someone");
  event->score = 7;
  queue.publish(event);
  drained(queue);
  event = queue.reserve();
  EXPECT_EQ(event->subject.view(), "");
  EXPECT_EQ(event->recipients_stored, 0u);
  EXPECT_EQ(event->recipients[0].view(), "");
  EXPECT_EQ(event->score, 0);
}

TEST(EventQueue, CarriesEverythingBetweenTwoThreads) {
  constexpr uint64_t kEvents = 20'000;
  EventQueue queue(64);
  std::jthread worker([&] {
    for (uint64_t i = 0; i < kEvents;) {
      worker::Event* event = queue.reserve();
      if (event == nullptr) {
        std::this_thread::yield();
        continue;
      }
      event->message_bytes = i;
      event->wall_us = i * 3;
      queue.publish(event);
      ++i;
    }
  });
  uint64_t expected = 0, wrong = 0;
  while (expected < kEvents) {
    const uint32_t got = queue.drain([&](const worker::Event& e) {
      wrong += e.message_bytes != expected || e.wall_us != expected * 3;
      ++expected;
    });
    if (got == 0) std::this_thread::yield();
  }
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace postern::agent
