#include "dataplane/verdict/static_verdicts.h"

#include <gtest/gtest.h>

namespace postern::verdict {
namespace {

TEST(StaticVerdicts, TakesTheMostSpecificUnexpired) {
  StaticVerdicts verdicts(Treatment::kPass);
  verdicts.add({*IpPrefix::parse("192.0.2.0/24"), Treatment::kRefuse});
  verdicts.add({*IpPrefix::parse("192.0.2.7"), Treatment::kThrottle, 3, {}, 1000});
  const auto seven = *IpAddress::parse("192.0.2.7");
  const Verdict throttled = verdicts.lookup(seven, 999);
  EXPECT_EQ(throttled.treatment, Treatment::kThrottle);
  EXPECT_NE(throttled.bucket, nullptr);
  EXPECT_EQ(verdicts.lookup(seven, 1000).treatment, Treatment::kRefuse);
  EXPECT_EQ(verdicts.lookup(*IpAddress::parse("192.0.3.1"), 0).treatment, Treatment::kPass);
}

// Each switch has its most specific verdict; the strictest of them holds.
TEST(StaticVerdicts, TheStrictestOfTheSwitchesHolds) {
  StaticVerdicts verdicts(Treatment::kInspect);
  const auto add = [&](Switch of, const char* prefix, Treatment treatment, uint32_t rate = 0) {
    verdicts.add({.prefix = *IpPrefix::parse(prefix),
                  .treatment = treatment,
                  .messages_per_minute = rate,
                  .case_reference = {static_cast<uint64_t>(of) + 1},
                  .of = of});
  };
  const auto at = [&](const char* address) {
    return verdicts.lookup(*IpAddress::parse(address), 0);
  };
  add(Switch::kTreatment, "192.0.2.0/24", Treatment::kThrottle, 9);
  add(Switch::kTrustedRelay, "192.0.2.0/24", Treatment::kPass);
  add(Switch::kTrustedRelay, "192.0.2.7", Treatment::kRefuse);
  add(Switch::kSmorfBlock, "192.0.2.8", Treatment::kThrottle, 3);
  add(Switch::kSmorfBlock, "192.0.2.9", Treatment::kHold);
  add(Switch::kRangeExclusion, "192.0.2.8/29", Treatment::kInspect);
  add(Switch::kRangeExclusion, "192.0.0.0/16", Treatment::kDrop);
  // By hand: what each switch says of the address, most specific first, then the strictest.
  EXPECT_EQ(at("192.0.2.9").treatment, Treatment::kHold);  // /29 lifts the exclusion of the /16
  EXPECT_EQ(at("192.0.2.9").held_by, Switch::kSmorfBlock);
  EXPECT_EQ(at("192.0.2.9").case_reference.number, 3U);
  EXPECT_EQ(at("192.0.2.8").messages_per_minute, 3U);  // of two rates the lower
  EXPECT_EQ(at("192.0.2.8").held_by, Switch::kSmorfBlock);
  EXPECT_EQ(at("192.0.2.10").messages_per_minute, 9U);
  EXPECT_EQ(at("192.0.2.10").held_by, Switch::kTreatment);
  EXPECT_EQ(at("192.0.2.7").treatment, Treatment::kDrop);  // stricter than the revoked relay
  EXPECT_EQ(at("192.1.2.7").treatment, Treatment::kInspect);
}

}  // namespace
}  // namespace postern::verdict
