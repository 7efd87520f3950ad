#include "base/case_reference.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

// Expected digits worked out by hand from Crockford's table (crockford.com/base32.html).
TEST(CaseReference, WritesCrockfordBase32) {
  EXPECT_EQ(CaseReference{0}.to_string(), "0000000000");
  EXPECT_EQ(CaseReference{31}.to_string(), "000000000Z");
  EXPECT_EQ(CaseReference{32 * 18 + 20}.to_string(), "00000000JM");
  EXPECT_EQ(CaseReference{CaseReference::kMask}.to_string(), "ZZZZZZZZZZ");
}

TEST(CaseReference, ReadsWhatPeopleType) {
  EXPECT_EQ(CaseReference::parse("jm")->number, 32u * 18 + 20);
  EXPECT_EQ(CaseReference::parse("0O")->number, 0u);
  EXPECT_EQ(CaseReference::parse("IL")->number, 33u);
  EXPECT_FALSE(CaseReference::parse("U").has_value());
  EXPECT_FALSE(CaseReference::parse("").has_value());
  EXPECT_FALSE(CaseReference::parse("01234567890").has_value());
}

}  // namespace
}  // namespace postern
