#include "dataplane/verdict/narrow_blocks.h"

#include <gtest/gtest.h>

#include <random>

#include "dataplane/verdict/verdict_table.h"

namespace postern::verdict {
namespace {

IpPrefix prefix(std::string_view text) { return *IpPrefix::parse(text); }
IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

NarrowVerdict block(std::string_view sender, std::string_view part,
                    Treatment treatment = Treatment::kRefuse, uint64_t expires = 0) {
  return {prefix(sender), *SenderPart::parse(part), treatment, {}, expires};
}

// "refuse user:bob", or "-".
std::string text(const std::optional<Verdict>& verdict) {
  if (!verdict) return "-";
  EXPECT_EQ(verdict->held_by, Switch::kSmorfBlock);
  return std::string(kTreatmentNames[static_cast<size_t>(verdict->treatment)]) + " " +
         verdict->part->to_string();
}
std::string user(const NarrowBlocks& blocks, const char* sender, std::string_view name,
                 uint64_t wall_s = 0) {
  return text(blocks.on_user(ip(sender), name, wall_s));
}
std::string origin(const NarrowBlocks& blocks, const char* sender, const char* from,
                   uint64_t wall_s = 0) {
  return text(blocks.on_origin(ip(sender), ip(from), wall_s));
}

TEST(NarrowBlocks, AUserIsBlockedAtHisSenderOnly) {
  const auto blocks = NarrowBlocks::of({block("192.0.2.7", "user:bob"),
                                        block("192.0.2.7", "user:carol", Treatment::kHold),
                                        block("192.0.2.8", "user:alice")});
  EXPECT_EQ(user(blocks, "192.0.2.7", "bob"), "refuse user:bob");
  EXPECT_EQ(user(blocks, "192.0.2.7", "BoB"), "refuse user:bob");
  EXPECT_EQ(user(blocks, "192.0.2.7", "carol"), "hold user:carol");
  EXPECT_EQ(user(blocks, "192.0.2.7", "alice"), "-");
  EXPECT_EQ(user(blocks, "192.0.2.8", "bob"), "-");
  EXPECT_EQ(user(blocks, "192.0.2.7", "bo"), "-");
  EXPECT_EQ(user(blocks, "192.0.2.7", "bobby"), "-");
  EXPECT_EQ(user(blocks, "192.0.2.7", ""), "-");
  EXPECT_EQ(origin(blocks, "192.0.2.7", "192.0.2.7"), "-");
  EXPECT_TRUE(blocks.any_on(ip("192.0.2.8"), 0));
  EXPECT_FALSE(blocks.any_on(ip("192.0.2.9"), 0));
}

TEST(NarrowBlocks, TheMostSpecificDecides) {
  const auto blocks = NarrowBlocks::of(
      {block("192.0.2.0/24", "user:bob"), block("192.0.2.7", "user:bob", Treatment::kHold),
       block("192.0.2.7", "from:10.0.0.0/8"),
       block("192.0.2.7", "from:10.1.0.0/16", Treatment::kHold),
       block("192.0.2.7", "from:10.1.2.3"), block("192.0.2.7", "from:2001:db8::/32"),
       block("0.0.0.0/0", "from:10.9.0.0/16", Treatment::kHold)});
  EXPECT_EQ(user(blocks, "192.0.2.7", "bob"), "hold user:bob");
  EXPECT_EQ(user(blocks, "192.0.2.8", "bob"), "refuse user:bob");
  EXPECT_EQ(origin(blocks, "192.0.2.7", "10.1.2.3"), "refuse from:10.1.2.3");
  EXPECT_EQ(origin(blocks, "192.0.2.7", "10.1.2.4"), "hold from:10.1.0.0/16");
  EXPECT_EQ(origin(blocks, "192.0.2.7", "10.9.0.1"), "refuse from:10.0.0.0/8");
  EXPECT_EQ(origin(blocks, "192.0.2.9", "10.9.0.1"), "hold from:10.9.0.0/16");
  EXPECT_EQ(origin(blocks, "192.0.2.7", "2001:db8::1"), "refuse from:2001:db8::/32");
  EXPECT_EQ(origin(blocks, "192.0.2.7", "192.0.2.1"), "-");
}

TEST(NarrowBlocks, KeepsTheFamiliesApart) {
  const auto blocks = NarrowBlocks::of({block("::/0", "user:bob"), block("192.0.2.7", "from:::/0"),
                                        block("2001:db8::7", "from:0.0.0.0/0")});
  EXPECT_EQ(user(blocks, "192.0.2.7", "bob"), "-");
  EXPECT_EQ(user(blocks, "2001:db8::7", "bob"), "refuse user:bob");
  EXPECT_EQ(origin(blocks, "192.0.2.7", "10.0.0.1"), "-");
  EXPECT_EQ(origin(blocks, "192.0.2.7", "2001:db8::1"), "refuse from:::/0");
  EXPECT_EQ(origin(blocks, "2001:db8::7", "2001:db8::1"), "-");
  EXPECT_EQ(origin(blocks, "2001:db8::7", "10.0.0.1"), "refuse from:0.0.0.0/0");
}

TEST(NarrowBlocks, AnExpiredOneGivesWayToTheNext) {
  const auto blocks =
      NarrowBlocks::of({block("192.0.2.0/24", "user:bob", Treatment::kHold),
                        block("192.0.2.7", "user:bob", Treatment::kRefuse, 1000),
                        block("192.0.2.7", "from:10.0.0.0/8", Treatment::kHold),
                        block("192.0.2.7", "from:10.0.0.9", Treatment::kRefuse, 1000)});
  EXPECT_EQ(user(blocks, "192.0.2.7", "bob", 999), "refuse user:bob");
  EXPECT_EQ(user(blocks, "192.0.2.7", "bob", 1000), "hold user:bob");
  EXPECT_EQ(origin(blocks, "192.0.2.7", "10.0.0.9", 999), "refuse from:10.0.0.9");
  EXPECT_EQ(origin(blocks, "192.0.2.7", "10.0.0.9", 1000), "hold from:10.0.0.0/8");
}

TEST(NarrowBlocks, OfOneKeyTheLastCounts) {
  const auto blocks =
      NarrowBlocks::of({block("192.0.2.7", "user:bob"), block("192.0.2.7", "user:a"),
                        block("192.0.2.7", "user:bob", Treatment::kHold)});
  EXPECT_EQ(blocks.all().size(), 2u);
  EXPECT_EQ(user(blocks, "192.0.2.7", "bob"), "hold user:bob");
}

// Against a search of the whole list by the definition.
TEST(NarrowBlocks, FindsWhatAFullSearchFinds) {
  std::mt19937 random(7);
  const auto number = [&](uint32_t below) { return random() % below; };
  const auto some_prefix = [&] {
    const uint8_t octets[4] = {10, static_cast<uint8_t>(number(3)), 0,
                               static_cast<uint8_t>(number(4))};
    constexpr uint8_t kLengths[] = {0, 8, 16, 24, 31, 32};
    return IpPrefix::containing(IpAddress::from_v4(octets), kLengths[number(6)]);
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<NarrowVerdict> list;
    for (uint32_t i = number(30); i > 0; --i) {
      const SenderPart part = number(2) == 0 ? *SenderPart::user(std::string(1, "abc"[number(3)]))
                                             : SenderPart::from(some_prefix());
      list.push_back({some_prefix(), part, Treatment::kRefuse, CaseReference{i}, number(3)});
    }
    const auto blocks = NarrowBlocks::of(list);
    for (int look = 0; look < 20; ++look) {
      const IpAddress sender = some_prefix().address, from = some_prefix().address;
      const std::string name(1, "abc"[number(3)]);
      // (sender length, range length, position): the greatest is meant.
      std::tuple<int, int, int> best_user(-1, 0, 0), best_origin(-1, 0, 0);
      for (int i = 0; i < std::ssize(list); ++i) {
        const NarrowVerdict& v = list[static_cast<size_t>(i)];
        // One that is set again later is not there any more.
        const bool last = std::none_of(list.begin() + i + 1, list.end(),
                                       [&](const NarrowVerdict& w) { return w.key() == v.key(); });
        if (!last || !v.prefix.contains(sender) || v.expires_unix_s == 1) continue;
        const auto rank = std::tuple(int{v.prefix.length}, int{v.part.prefix().length}, i);
        if (v.part.kind() == SenderPart::Kind::kUser) {
          if (v.part.user_name() == name) best_user = std::max(best_user, rank);
        } else if (v.part.prefix().contains(from)) {
          best_origin = std::max(best_origin, rank);
        }
      }
      const auto expected = [&](const auto& best) -> uint64_t {
        const int at = std::get<2>(best);
        return std::get<0>(best) < 0 ? 0 : list[static_cast<size_t>(at)].case_reference.number;
      };
      const auto found = [](const std::optional<Verdict>& v) {
        return v ? v->case_reference.number : 0;
      };
      EXPECT_EQ(found(blocks.on_user(sender, name, 1)), expected(best_user));
      EXPECT_EQ(found(blocks.on_origin(sender, from, 1)), expected(best_origin));
    }
  }
}

std::unique_ptr<VerdictTable> table(uint32_t narrow_capacity = 3) {
  return std::move(
      *VerdictTable::create({.capacity = 4, .narrow_capacity = narrow_capacity, .readers = 2}));
}

TEST(NarrowBlocksInTheTable, ChangeByKey) {
  const auto verdicts = table();
  EXPECT_EQ(verdicts->narrow(), nullptr);
  const NarrowVerdict bob = block("192.0.2.7", "user:bob"), ann = block("192.0.2.7", "user:ann");
  ASSERT_TRUE(verdicts->apply({}, {}, std::vector{bob, ann}));
  EXPECT_EQ(user(*verdicts->narrow(), "192.0.2.7", "bob"), "refuse user:bob");
  EXPECT_EQ(verdicts->narrow_size(), 2u);
  // The whole sender's verdicts are another matter.
  EXPECT_EQ(verdicts->lookup(ip("192.0.2.7"), 0).treatment, Treatment::kInspect);
  EXPECT_EQ(verdicts->size(), 0u);
  ASSERT_TRUE(verdicts->apply({}, {}, std::vector{block("192.0.2.7", "user:ann", Treatment::kHold)},
                              std::vector{bob.key(), block("192.0.2.7", "user:eve").key()}));
  EXPECT_EQ(user(*verdicts->narrow(), "192.0.2.7", "bob"), "-");
  EXPECT_EQ(user(*verdicts->narrow(), "192.0.2.7", "ann"), "hold user:ann");
  ASSERT_TRUE(verdicts->replace_all({}, std::vector{bob}));
  EXPECT_EQ(verdicts->narrow_held().size(), 1u);
  EXPECT_EQ(user(*verdicts->narrow(), "192.0.2.7", "bob"), "refuse user:bob");
  ASSERT_TRUE(verdicts->replace_all({}));
  EXPECT_EQ(verdicts->narrow(), nullptr);
}

TEST(NarrowBlocksInTheTable, WhatDoesNotFitChangesNothing) {
  const auto verdicts = table(2);
  const NarrowVerdict bob = block("192.0.2.7", "user:bob"), ann = block("192.0.2.7", "user:ann"),
                      eve = block("192.0.2.7", "user:eve");
  ASSERT_TRUE(verdicts->apply({}, {}, std::vector{bob, ann}));
  const auto full = verdicts->apply({}, {}, std::vector{eve});
  ASSERT_FALSE(full.has_value());
  EXPECT_NE(full.error().find("limits.narrow_blocks"), std::string::npos);
  EXPECT_FALSE(verdicts->replace_all({}, std::vector{bob, ann, eve}).has_value());
  EXPECT_EQ(verdicts->narrow_size(), 2u);
  EXPECT_EQ(user(*verdicts->narrow(), "192.0.2.7", "eve"), "-");
  // In another's place it fits.
  EXPECT_TRUE(verdicts->apply({}, {}, std::vector{eve}, std::vector{bob.key()}).has_value());
  EXPECT_EQ(user(*verdicts->narrow(), "192.0.2.7", "eve"), "refuse user:eve");
  EXPECT_TRUE(verdicts->whole());
}

TEST(NarrowBlocksInTheTable, WhatAReaderLooksAtStaysUntilItsQuiescentState) {
  const auto verdicts = table();
  ASSERT_TRUE(verdicts->register_reader(0));
  ASSERT_TRUE(verdicts->apply({}, {}, std::vector{block("192.0.2.7", "user:bob")}));
  verdicts->quiescent(0);
  const auto found = verdicts->narrow()->on_user(ip("192.0.2.7"), "bob", 0);
  ASSERT_TRUE(verdicts->apply({}, {}, {}, std::vector{block("192.0.2.7", "user:bob").key()}));
  EXPECT_EQ(verdicts->narrow(), nullptr);
  EXPECT_EQ(text(found), "refuse user:bob");  // the address sanitizer looks on
  verdicts->unregister_reader(0);
}

}  // namespace
}  // namespace postern::verdict
