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

}  // namespace
}  // namespace postern::verdict
