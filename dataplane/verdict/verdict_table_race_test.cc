// One writer against several readers; meant to be run under -Dsanitize=thread as well.
#include <gtest/gtest.h>

#include <array>
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
        if (n % 8 == 0) {
          std::array<IpAddress, 40> burst;
          std::array<Verdict, 40> verdicts;
          for (uint32_t i = 0; i < burst.size(); ++i)
            burst[i] = sender(static_cast<uint32_t>((n + i) % kSenders));
          table->lookup_burst(burst, 0, verdicts);
          for (size_t i = 0; i < burst.size(); ++i) {
            if (verdicts[i].treatment != Treatment::kThrottle)
              uncovered.fetch_add(1);
            else if (verdicts[i].case_reference.number !=
                     case_for(burst[i], verdicts[i].messages_per_minute))
              torn.fetch_add(1);
          }
        }
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

// A block that widens from a user to his whole server, and narrows again. A reader that has looked
// at the one before the change and looks at the other only now must find the block there still: the
// writer waits for it.
TEST(VerdictTableRace, NoReaderFindsAUserFreeWhileHisBlockWidensOrNarrows) {
  auto table = *VerdictTable::create({.capacity = 8, .readers = 1});
  const PrefixVerdict whole{IpPrefix::host(sender(1)), Treatment::kRefuse};
  const NarrowVerdict user{IpPrefix::host(sender(1)), *SenderPart::user("bob")};
  ASSERT_TRUE(table->apply({}, {}, std::vector{user}));
  ASSERT_TRUE(table->register_reader(0));
  const auto whole_blocked = [&] {
    return table->lookup(sender(1), 0).treatment == Treatment::kRefuse;
  };
  const auto user_blocked = [&] {
    const NarrowBlocks* const narrow = table->narrow();
    return narrow != nullptr && narrow->on_user(sender(1), "Bob", 0).has_value();
  };
  // Many looks: a writer that does not wait would be through long before the last.
  const auto stays = [](const auto& blocked) {
    for (int i = 0; i < 20'000; ++i) {
      if (!blocked()) return false;
    }
    return true;
  };
  for (int round = 0; round < 6; ++round) {
    const bool by_snapshot = round % 2 == 1;
    ASSERT_FALSE(whole_blocked());
    {
      std::jthread widen([&] {
        const auto done = by_snapshot
                              ? table->replace_all(std::vector{whole})
                              : table->apply(std::vector{whole}, {}, {}, std::vector{user.key()});
        EXPECT_TRUE(done.has_value());
      });
      while (!whole_blocked()) std::this_thread::yield();
      EXPECT_TRUE(stays(user_blocked));
      table->quiescent(0);
    }
    ASSERT_FALSE(user_blocked());
    {
      std::jthread narrow([&] {
        const auto done = by_snapshot
                              ? table->replace_all({}, std::vector{user})
                              : table->apply({}, std::vector{whole.key()}, std::vector{user});
        EXPECT_TRUE(done.has_value());
      });
      while (!user_blocked()) std::this_thread::yield();
      EXPECT_TRUE(stays(whole_blocked));
      table->quiescent(0);
    }
  }
  table->unregister_reader(0);
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
