#include "base/ip.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

TEST(IpAddress, ReadsAndPrintsBothFamilies) {
  EXPECT_EQ(IpAddress::parse("192.0.2.7")->to_string(), "192.0.2.7");
  EXPECT_TRUE(IpAddress::parse("192.0.2.7")->is_v4());
  EXPECT_EQ(IpAddress::parse("2001:DB8:0::7")->to_string(), "2001:db8::7");
  EXPECT_FALSE(IpAddress::parse("2001:db8::7")->is_v4());
  EXPECT_FALSE(IpAddress::parse("192.0.2.256").has_value());
  EXPECT_FALSE(IpAddress::parse("").has_value());
}

TEST(IpPrefix, HostBitsAreAnErrorThatNamesThePrefixMeant) {
  const auto wrong = IpPrefix::parse("192.0.2.7/24");
  ASSERT_FALSE(wrong.has_value());
  EXPECT_NE(wrong.error().find("192.0.2.0/24"), std::string::npos);
  EXPECT_FALSE(IpPrefix::parse("192.0.2.0/33").has_value());
  EXPECT_FALSE(IpPrefix::parse("192.0.2.0/").has_value());
  EXPECT_FALSE(IpPrefix::parse("192.0.2.0/2x").has_value());
}

TEST(IpPrefix, ContainsOnlyItsOwnFamily) {
  const auto prefix = *IpPrefix::parse("192.0.2.64/26");
  EXPECT_TRUE(prefix.contains(*IpAddress::parse("192.0.2.127")));
  EXPECT_FALSE(prefix.contains(*IpAddress::parse("192.0.2.128")));
  const auto everything_v6 = *IpPrefix::parse("::/0");
  EXPECT_TRUE(everything_v6.contains(*IpAddress::parse("2001:db8::1")));
  EXPECT_FALSE(everything_v6.contains(*IpAddress::parse("192.0.2.1")));
  EXPECT_EQ(IpPrefix::parse("198.51.100.9")->to_string(), "198.51.100.9");
  EXPECT_EQ(prefix.to_string(), "192.0.2.64/26");
}

TEST(IpPrefix, ZeroLengthV4CoversAllOfV4) {
  const auto all = *IpPrefix::parse("0.0.0.0/0");
  EXPECT_TRUE(all.contains(*IpAddress::parse("203.0.113.200")));
  EXPECT_EQ(all.mapped_length(), 96);
}

}  // namespace
}  // namespace postern
