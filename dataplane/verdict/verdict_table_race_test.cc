// One writer against several readers; meant to be run under -Dsanitize=thread as well.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "dataplane/verdict/verdict_table.h"

namespace postern::verdict {
namespace {

constexpr unsigned kReaders = 3;
constexpr uint32_t kSenders = 64;

IpAddress sender(uint32_t i) {
  const uint8_t bytes[4] = {10, 0, static_cast<uint8_t>(i), 77};
  return IpAddress::from_v4(bytes);
}

// The case is a function of the rest, so that a torn or reused record shows.
uint64_t case_for(const IpAddress& address, uint32_t rate) {
  return (uint64_t{address.v4_bytes()[2]} << 32 | rate) * 0x9e3779b97f4a7c15 & CaseReference::kMask;
}

PrefixVerdict covering(uint32_t i, uint8_t length, uint32_t round) {
  return {IpPrefix::containing(sender(i), length), Treatment::kThrottle, round,
          CaseReference{case_for(sender(i), round)}, 0};
}

// Every round covers each sender by another prefix length and another rate; no look-up may ever
// find one uncovered, and what it finds must be of one piece.
TEST(VerdictTableRace, NoReaderSeesAnUncoveredSenderOrATornRecord) {
  auto table = *VerdictTable::create(
      {.capacity = kSenders, .readers = kReaders, .default_treatment = Treatment::kDrop});
  std::vector<PrefixVerdict> all;
  for (uint32_t i = 0; i < kSenders; ++i) all.push_back(covering(i, 24, 1));
  ASSERT_TRUE(table->replace_all(all).has_value());

  std::atomic<bool> done{false};
  std::atomic<uint64_t> uncovered{0}, torn{0}, lookups{0};
  std::vector<std::jthread> readers;
  for (unsigned id = 0; id < kReaders; ++id) {
    readers.emplace_back([&, id] {
      ASSERT_TRUE(table->register_reader(id).has_value());
      for (uint64_t n = id; !done.load(std::memory_order_relaxed); ++n) {
        const IpAddress asked = sender(static_cast<uint32_t>(n * 7 % kSenders));
        const Verdict v = table->lookup(asked, 0);
        if (v.treatment != Treatment::kThrottle) {
          uncovered.fetch_add(1);
        } else {
          v.bucket->take(v.messages_per_minute, n);
          if (v.case_reference.number != case_for(asked, v.messages_per_minute)) torn.fetch_add(1);
        }
        lookups.fetch_add(1, std::memory_order_relaxed);
        if (n % 16 == 0) table->quiescent(id);
        if (n % 1024 == 0) {
          table->offline(id);
          table->online(id);
        }
      }
      table->unregister_reader(id);
    });
  }

  // In a function of its own, so that a failed assertion still ends the readers.
  const auto write_rounds = [&] {
    constexpr uint8_t kLengths[] = {32, 24, 29, 27, 25};
    for (uint32_t round = 2; round < 400; ++round) {
      std::vector<PrefixVerdict> next;
      std::vector<VerdictKey> gone;
      for (uint32_t i = 0; i < kSenders; ++i) {
        next.push_back(covering(i, kLengths[round % 5], round));
        gone.push_back({IpPrefix::containing(sender(i), kLengths[(round - 1) % 5])});
      }
      if (round % 2 == 0) {
        ASSERT_TRUE(table->replace_all(next).has_value());
      } else {
        ASSERT_TRUE(table->apply(next, gone).has_value());
      }
      ASSERT_EQ(table->size(), kSenders);
    }
  };
  write_rounds();
  while (lookups.load() < 10'000) std::this_thread::yield();
  done = true;
  readers.clear();
  EXPECT_EQ(uncovered.load(), 0u);
  EXPECT_EQ(torn.load(), 0u);
  EXPECT_EQ(table->awaiting_grace(), 0u);
}

// A block goes to and fro between a user and his whole server; no reader may ever find neither.
TEST(VerdictTableRace, NoReaderFindsAUserFreeWhileHisBlockWidensOrNarrows) {
  auto table = *VerdictTable::create({.capacity = 8, .readers = kReaders});
  const PrefixVerdict whole{IpPrefix::host(sender(1)), Treatment::kRefuse};
  const NarrowVerdict user{IpPrefix::host(sender(1)), *SenderPart::user("bob")};
  ASSERT_TRUE(table->apply({}, {}, std::vector{user}));

  std::atomic<bool> done{false};
  std::atomic<uint64_t> found_free{0}, lookups{0};
  std::vector<std::jthread> readers;
  for (unsigned id = 0; id < kReaders; ++id) {
    readers.emplace_back([&, id] {
      ASSERT_TRUE(table->register_reader(id).has_value());
      while (!done.load(std::memory_order_relaxed)) {
        const bool whole_blocked = table->lookup(sender(1), 0).treatment == Treatment::kRefuse;
        const NarrowBlocks* const narrow = table->narrow();
        const auto block =
            narrow != nullptr ? narrow->on_user(sender(1), "Bob", 0) : std::optional<Verdict>();
        if (!whole_blocked && !block) found_free.fetch_add(1);
        if (block && block->part->user_name() != "bob") found_free.fetch_add(1);
        lookups.fetch_add(1, std::memory_order_relaxed);
        table->quiescent(id);
      }
      table->unregister_reader(id);
    });
  }
  const auto widen_and_narrow = [&] {
    for (int round = 0; round < 300; ++round) {
      if (round % 2 == 0) {
        ASSERT_TRUE(table->apply(std::vector{whole}, {}, {}, std::vector{user.key()}));
        ASSERT_TRUE(table->apply({}, std::vector{whole.key()}, std::vector{user}));
      } else {
        ASSERT_TRUE(table->replace_all(std::vector{whole}));
        ASSERT_TRUE(table->replace_all({}, std::vector{user}));
      }
    }
  };
  widen_and_narrow();
  while (lookups.load() < 10'000) std::this_thread::yield();
  done = true;
  readers.clear();
  EXPECT_EQ(found_free.load(), 0u);
}

TEST(VerdictTableRace, ABucketSharedByWorkersGivesOutItsAllowanceOnce) {
  ThrottleBucket bucket;
  std::atomic<int> taken{0};
  std::vector<std::jthread> workers;
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) taken += bucket.take(1500, 1'000'000);
    });
  }
  workers.clear();
  EXPECT_EQ(taken.load(), 1500);
}

}  // namespace
}  // namespace postern::verdict
