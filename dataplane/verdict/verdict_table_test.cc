#include "dataplane/verdict/verdict_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "dataplane/verdict/static_verdicts.h"

namespace postern::verdict {
namespace {

IpPrefix prefix(const char* text) { return *IpPrefix::parse(text); }
IpAddress address(const char* text) { return *IpAddress::parse(text); }

PrefixVerdict verdict(const char* text, Treatment treatment, uint64_t expires = 0) {
  return {prefix(text), treatment, treatment == Treatment::kThrottle ? 2u : 0u, {}, expires};
}

std::unique_ptr<VerdictTable> table_of(uint32_t capacity,
                                       const std::vector<PrefixVerdict>& verdicts = {}) {
  auto table = VerdictTable::create({.capacity = capacity, .readers = 2});
  EXPECT_TRUE(table.has_value()) << table.error();
  EXPECT_TRUE((*table)->apply(verdicts, {}).has_value());
  return std::move(*table);
}

std::map<VerdictKey, PrefixVerdict> contents(const VerdictTable& table) {
  std::map<VerdictKey, PrefixVerdict> out;
  table.for_each([&](const PrefixVerdict& v) { EXPECT_TRUE(out.emplace(v.key(), v).second); });
  return out;
}

TEST(VerdictTable, AnswersWithTheMostSpecific) {
  const auto table = table_of(
      10, {verdict("192.0.2.0/24", Treatment::kHold), verdict("192.0.2.64/26", Treatment::kRefuse),
           verdict("192.0.2.70", Treatment::kPass), verdict("2001:db8::/32", Treatment::kDrop),
           verdict("2001:db8::7", Treatment::kInspect)});
  EXPECT_EQ(table->lookup(address("192.0.2.1"), 0).treatment, Treatment::kHold);
  EXPECT_EQ(table->lookup(address("192.0.2.127"), 0).treatment, Treatment::kRefuse);
  EXPECT_EQ(table->lookup(address("192.0.2.128"), 0).treatment, Treatment::kHold);
  EXPECT_EQ(table->lookup(address("192.0.2.70"), 0).treatment, Treatment::kPass);
  EXPECT_EQ(table->lookup(address("192.0.3.0"), 0).treatment, Treatment::kInspect);
  EXPECT_EQ(table->lookup(address("2001:db8::8"), 0).treatment, Treatment::kDrop);
  EXPECT_EQ(table->lookup(address("2001:db8::7"), 0).treatment, Treatment::kInspect);
  EXPECT_EQ(table->lookup(address("2001:db9::"), 0).treatment, Treatment::kInspect);
}

TEST(VerdictTable, KeepsTheFamiliesApart) {
  const auto table =
      table_of(10, {verdict("::/0", Treatment::kDrop), verdict("0.0.0.0/0", Treatment::kRefuse)});
  EXPECT_EQ(table->lookup(address("203.0.113.9"), 0).treatment, Treatment::kRefuse);
  EXPECT_EQ(table->lookup(address("2001:db8::1"), 0).treatment, Treatment::kDrop);
  ASSERT_TRUE(table->apply({}, std::vector{VerdictKey{prefix("0.0.0.0/0")}}).has_value());
  EXPECT_EQ(table->lookup(address("203.0.113.9"), 0).treatment, Treatment::kInspect);
  EXPECT_EQ(contents(*table).begin()->first.prefix.to_string(), "::/0");
}

TEST(VerdictTable, AnswersWithTheConfiguredDefault) {
  auto table = VerdictTable::create({.capacity = 1, .default_treatment = Treatment::kPass});
  ASSERT_TRUE(table.has_value());
  EXPECT_EQ((*table)->lookup(address("192.0.2.1"), 0).treatment, Treatment::kPass);
}

TEST(VerdictTable, AnExpiredVerdictGivesWayToTheNextShorter) {
  const auto table = table_of(10, {verdict("192.0.2.0/24", Treatment::kHold),
                                   verdict("192.0.2.7", Treatment::kRefuse, 1000)});
  EXPECT_EQ(table->lookup(address("192.0.2.7"), 999).treatment, Treatment::kRefuse);
  EXPECT_EQ(table->lookup(address("192.0.2.7"), 1000).treatment, Treatment::kHold);
}

TEST(VerdictTable, CarriesTheCaseAndTheRate) {
  const auto table =
      table_of(10, {{prefix("192.0.2.7"), Treatment::kThrottle, 30, CaseReference{77}, 0},
                    {prefix("192.0.2.8"), Treatment::kRefuse, 0, CaseReference{78}, 0}});
  const Verdict throttled = table->lookup(address("192.0.2.7"), 0);
  EXPECT_EQ(throttled.messages_per_minute, 30u);
  EXPECT_EQ(throttled.case_reference.number, 77u);
  ASSERT_NE(throttled.bucket, nullptr);
  const Verdict refused = table->lookup(address("192.0.2.8"), 0);
  EXPECT_EQ(refused.case_reference.number, 78u);
  EXPECT_EQ(refused.bucket, nullptr);
}

TEST(VerdictTable, AtCapacityRefusesAndLosesNothing) {
  const auto table =
      table_of(2, {verdict("192.0.2.1", Treatment::kHold), verdict("192.0.2.2", Treatment::kHold)});
  const auto before = contents(*table);
  const auto refused = table->apply(
      std::vector{verdict("192.0.2.1", Treatment::kDrop), verdict("192.0.2.3", Treatment::kDrop)},
      {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().find("capacity 2"), std::string::npos) << refused.error();
  EXPECT_EQ(contents(*table), before);
  EXPECT_FALSE(table
                   ->replace_all(std::vector{verdict("192.0.2.1", Treatment::kDrop),
                                             verdict("192.0.2.3", Treatment::kDrop),
                                             verdict("192.0.2.4", Treatment::kDrop)})
                   .has_value());
  EXPECT_EQ(contents(*table), before);
  // A change of what is there, and an exchange, need no room.
  EXPECT_TRUE(table->apply(std::vector{verdict("192.0.2.1", Treatment::kDrop)}, {}).has_value());
  EXPECT_TRUE(table
                  ->apply(std::vector{verdict("192.0.2.3", Treatment::kDrop)},
                          std::vector{VerdictKey{prefix("192.0.2.2")}})
                  .has_value());
  EXPECT_EQ(table->size(), 2u);
  EXPECT_EQ(table->lookup(address("192.0.2.3"), 0).treatment, Treatment::kDrop);
}

TEST(VerdictTable, AFullTableIsReplacedWholeAgainAndAgain) {
  constexpr uint32_t kCapacity = 500;
  const auto table = table_of(kCapacity);
  for (uint32_t round = 0; round < 20; ++round) {
    std::vector<PrefixVerdict> all;
    for (uint32_t i = 0; i < kCapacity; ++i) {
      const uint8_t bytes[4] = {10, static_cast<uint8_t>(round), static_cast<uint8_t>(i >> 8),
                                static_cast<uint8_t>(i)};
      all.push_back({IpPrefix::host(IpAddress::from_v4(bytes)), Treatment::kRefuse});
    }
    ASSERT_TRUE(table->replace_all(all).has_value());
    ASSERT_EQ(contents(*table).size(), kCapacity);
    ASSERT_EQ(contents(*table).begin()->first, all.front().key());
  }
}

TEST(VerdictTable, RemovingWhatIsNotThereIsNothing) {
  const auto table = table_of(2, {verdict("192.0.2.1", Treatment::kHold)});
  EXPECT_TRUE(table->apply({}, std::vector{VerdictKey{prefix("192.0.2.0/24")}}).has_value());
  EXPECT_EQ(table->size(), 1u);
}

TEST(VerdictTable, ASnapshotKeepsTheBucketsOfWhatItDoesNotChange) {
  const auto throttle = verdict("192.0.2.7", Treatment::kThrottle);
  const auto table = table_of(10, {throttle, verdict("192.0.2.8", Treatment::kHold)});
  ThrottleBucket* const bucket = table->lookup(address("192.0.2.7"), 0).bucket;
  ASSERT_TRUE(bucket->take(2, 1000));
  ASSERT_TRUE(bucket->take(2, 1000));
  ASSERT_TRUE(table->replace_all(std::vector{verdict("192.0.2.9", Treatment::kDrop), throttle})
                  .has_value());
  EXPECT_EQ(table->lookup(address("192.0.2.7"), 0).bucket, bucket);
  EXPECT_EQ(table->lookup(address("192.0.2.8"), 0).treatment, Treatment::kInspect);
  EXPECT_EQ(table->lookup(address("192.0.2.9"), 0).treatment, Treatment::kDrop);
  // And one whose case changed does not get a fresh allowance.
  PrefixVerdict changed = throttle;
  changed.case_reference.number = 5;
  ASSERT_TRUE(table->replace_all(std::vector{changed}).has_value());
  const Verdict now = table->lookup(address("192.0.2.7"), 0);
  EXPECT_EQ(now.case_reference.number, 5u);
  EXPECT_FALSE(now.bucket->take(2, 1000));
}

TEST(VerdictTable, ARecordIsUsedAgainOnlyAfterItsReadersMovedOn) {
  const auto table = table_of(4, {verdict("192.0.2.7", Treatment::kThrottle)});
  ASSERT_TRUE(table->register_reader(0).has_value());
  ASSERT_TRUE(table->register_reader(1).has_value());
  EXPECT_FALSE(table->register_reader(2).has_value());
  table->quiescent(0);
  table->quiescent(1);
  ASSERT_TRUE(table->apply({}, std::vector{VerdictKey{prefix("192.0.2.7")}}).has_value());
  EXPECT_EQ(table->awaiting_grace(), 1u);
  table->quiescent(0);
  EXPECT_EQ(table->awaiting_grace(), 1u);
  table->offline(1);
  EXPECT_EQ(table->awaiting_grace(), 0u);
  table->unregister_reader(0);
  table->unregister_reader(1);
}

// Against a list that is searched from end to end (static_verdicts_test.cc says what that one
// does).
TEST(VerdictTable, AgreesWithALinearSearchThroughRandomChanges) {
  std::mt19937 random(4711);
  const auto random_address = [&](bool v4) {
    std::array<uint8_t, 16> bytes{};
    for (auto& b : bytes) b = static_cast<uint8_t>(random() % 2 ? 0x80 : random() % 3);
    return v4 ? IpAddress::from_v4(bytes.data()) : IpAddress::from_v6(bytes.data());
  };
  const auto random_prefix = [&] {
    const bool v4 = random() % 2;
    return IpPrefix::containing(random_address(v4),
                                static_cast<uint8_t>(random() % (v4 ? 33 : 129)));
  };
  const auto table = table_of(400);
  const auto random_switch = [&] { return static_cast<Switch>(random() % kSwitches); };
  std::map<VerdictKey, PrefixVerdict> model;
  for (int round = 0; round < 100; ++round) {
    std::vector<PrefixVerdict> upserts;
    std::vector<VerdictKey> removals;
    for (int i = 0; i < 12 && model.size() + 12 < 400; ++i) {
      upserts.push_back({random_prefix(), static_cast<Treatment>(random() % 6),
                         static_cast<uint32_t>(1 + random() % 3), CaseReference{random() % 5},
                         random() % 4 == 0 ? 500 + random() % 1000 : 0, StartTls::kAsPolicy,
                         random_switch()});
    }
    for (int i = 0; i < 6; ++i) removals.push_back({random_prefix(), random_switch()});
    for (const auto& [key, unused] : model) {
      if (random() % 16 == 0) removals.push_back(key);
    }
    for (const auto& v : upserts) model[v.key()] = v;
    for (const auto& key : removals) model.erase(key);
    if (round % 10 == 9) {
      std::vector<PrefixVerdict> all;
      for (const auto& [key, v] : model) all.push_back(v);
      ASSERT_TRUE(table->replace_all(all).has_value());
    } else {
      ASSERT_TRUE(table->apply(upserts, removals).has_value());
    }
    ASSERT_EQ(table->size(), model.size());
    ASSERT_EQ(contents(*table), model);
    StaticVerdicts linear;
    for (const auto& [key, v] : model) linear.add(v);
    std::vector<IpAddress> burst;
    for (int i = 0; i < 70; ++i) burst.push_back(random_address(i % 2));
    std::vector<Verdict> verdicts(burst.size());
    table->lookup_burst(burst, 1000, verdicts);
    for (size_t i = 0; i < burst.size(); ++i) {
      const Verdict expected = linear.lookup(burst[i], 1000);
      ASSERT_EQ(verdicts[i].treatment, expected.treatment) << burst[i].to_string();
      ASSERT_EQ(verdicts[i].held_by, expected.held_by) << burst[i].to_string();
      ASSERT_EQ(verdicts[i].messages_per_minute, expected.messages_per_minute);
      ASSERT_EQ(verdicts[i].case_reference, expected.case_reference) << burst[i].to_string();
    }
    for (int i = 0; i < 200; ++i) {
      const IpAddress asked = random_address(i % 2);
      const Verdict expected = linear.lookup(asked, 1000), got = table->lookup(asked, 1000);
      ASSERT_EQ(got.treatment, expected.treatment) << asked.to_string();
      ASSERT_EQ(got.held_by, expected.held_by) << asked.to_string();
      ASSERT_EQ(got.messages_per_minute, expected.messages_per_minute) << asked.to_string();
      ASSERT_EQ(got.case_reference, expected.case_reference) << asked.to_string();
      const IpAddress other = random_address(i % 2);
      ASSERT_EQ(table->entry(asked, other, 1000), linear.entry(asked, other, 1000))
          << asked.to_string() << " to " << other.to_string();
    }
  }
}

TEST(VerdictTable, TheInboundGuardIsAskedByItself) {
  const auto of = [](const char* text, Switch switch_, Treatment treatment, uint64_t expires = 0) {
    return PrefixVerdict{prefix(text), treatment, 0, {}, expires, StartTls::kAsPolicy, switch_};
  };
  const auto table =
      table_of(10, {of("192.0.2.0/24", Switch::kInboundGuard, Treatment::kRefuse),
                    of("192.0.2.64/26", Switch::kInboundGuard, Treatment::kDrop),
                    of("192.0.2.70", Switch::kInboundGuard, Treatment::kPass),
                    of("203.0.113.0/24", Switch::kInboundSource, Treatment::kPass),
                    of("203.0.113.9", Switch::kInboundSource, Treatment::kRefuse),
                    of("198.51.100.0/24", Switch::kInboundSource, Treatment::kPass, 1000)});
  const auto entry = [&](const char* source, const char* destination, uint64_t wall_s = 999) {
    return table->entry(address(source), address(destination), wall_s);
  };
  EXPECT_EQ(entry("203.0.113.1", "192.0.2.1"), Entry::kOpen);
  EXPECT_EQ(entry("203.0.113.9", "192.0.2.1"), Entry::kReset);
  EXPECT_EQ(entry("203.0.113.9", "192.0.2.64"), Entry::kDropped);
  EXPECT_EQ(entry("203.0.113.9", "192.0.2.70"), Entry::kOpen);
  EXPECT_EQ(entry("203.0.113.9", "192.0.3.1"), Entry::kOpen);
  EXPECT_EQ(entry("198.51.100.1", "192.0.2.1"), Entry::kOpen);
  EXPECT_EQ(entry("198.51.100.1", "192.0.2.1", 1000), Entry::kReset);
  // And says nothing of what they send.
  EXPECT_EQ(table->lookup(address("192.0.2.64"), 0).treatment, Treatment::kInspect);
  EXPECT_EQ(table->lookup(address("203.0.113.9"), 0).treatment, Treatment::kInspect);
}

// What the table keeps of a /16 must not outlive the last prefix of a length, nor go before it.
TEST(VerdictTable, ALengthThatOccursTwiceInASixteenStaysWhenOneGoes) {
  const auto table = table_of(
      10, {verdict("192.0.2.0/24", Treatment::kRefuse), verdict("192.0.3.0/24", Treatment::kDrop),
           verdict("192.0.0.0/16", Treatment::kHold)});
  ASSERT_TRUE(table->apply({}, std::vector{VerdictKey{prefix("192.0.2.0/24")}}));
  EXPECT_EQ(table->lookup(address("192.0.2.1"), 0).treatment, Treatment::kHold);
  EXPECT_EQ(table->lookup(address("192.0.3.1"), 0).treatment, Treatment::kDrop);
  ASSERT_TRUE(table->apply({}, std::vector{VerdictKey{prefix("192.0.3.0/24")}}));
  EXPECT_EQ(table->lookup(address("192.0.3.1"), 0).treatment, Treatment::kHold);
  ASSERT_TRUE(table->apply(std::vector{verdict("192.0.3.0/24", Treatment::kRefuse)}, {}));
  EXPECT_EQ(table->lookup(address("192.0.3.1"), 0).treatment, Treatment::kRefuse);
  EXPECT_EQ(table->lookup(address("192.1.3.1"), 0).treatment, Treatment::kInspect);
}

// Few chains for many records: what is beside one that goes is found still.
TEST(VerdictTable, RemovalsLeaveTheirNeighboursInTheChain) {
  constexpr uint32_t kCapacity = 1000;
  const auto host = [](uint32_t i) {
    const uint8_t bytes[4] = {10, 0, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)};
    return IpAddress::from_v4(bytes);
  };
  const auto table = table_of(kCapacity);
  std::vector<PrefixVerdict> all;
  std::vector<VerdictKey> gone;
  for (uint32_t i = 0; i < kCapacity; ++i) {
    all.push_back({IpPrefix::host(host(i)), Treatment::kRefuse, 0, CaseReference{i + 1}});
    if (i % 2) gone.push_back(all.back().key());
  }
  ASSERT_TRUE(table->replace_all(all));
  ASSERT_TRUE(table->apply({}, gone));
  for (uint32_t i = 0; i < kCapacity; ++i) {
    const Verdict found = table->lookup(host(i), 0);
    EXPECT_EQ(found.treatment, i % 2 ? Treatment::kInspect : Treatment::kRefuse) << i;
    EXPECT_EQ(found.case_reference.number, i % 2 ? 0 : i + 1) << i;
  }
}

TEST(VerdictTable, SaysWhichCapacityItCannotHave) {
  EXPECT_FALSE(VerdictTable::create({.capacity = 0}).has_value());
  EXPECT_FALSE(VerdictTable::create({.capacity = 5, .readers = 0}).has_value());
}

}  // namespace
}  // namespace postern::verdict
