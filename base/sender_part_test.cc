#include "base/sender_part.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

std::string rewritten(std::string_view text) {
  const auto part = SenderPart::parse(text);
  return part ? part->to_string() : "error: " + part.error();
}

TEST(SenderPart, IsWrittenAsItIsRead) {
  for (const char* text : {"", "user:bob", "user:bob@example.com", "user:uid 33", "user:a:b",
                           "user:\xc3\xa4", "user:\xf0\x9f\x93\xa7", "from:192.0.2.9",
                           "from:192.0.2.0/24", "from:2001:db8::/32", "from:0.0.0.0/0"}) {
    EXPECT_EQ(rewritten(text), text);
  }
  EXPECT_EQ(rewritten("user:" + std::string(64, 'x')), "user:" + std::string(64, 'x'));
}

TEST(SenderPart, NamesAreTheSameInEitherCase) {
  EXPECT_EQ(*SenderPart::user("Bob@Example.COM"), *SenderPart::user("bob@example.com"));
  EXPECT_EQ(SenderPart::user("BOB")->to_string(), "user:bob");
  // Letters beyond ASCII stay as they are: servers differ about them.
  EXPECT_NE(*SenderPart::user("\xc3\x84"), *SenderPart::user("\xc3\xa4"));
  EXPECT_NE(*SenderPart::user("bob"), *SenderPart::user("bobby"));
}

TEST(SenderPart, WhatIsNoPartIsAnErrorThatSaysSo) {
  for (const std::string& text :
       {std::string("bob"), std::string("user:"), "user:" + std::string(65, 'x'),
        std::string("user:a\nb"), std::string("user:a\x7f"), std::string("user:\xff"),
        std::string("user:\xc3"), std::string("user:\xed\xa0\x80"), std::string("user:\xc0\x80"),
        std::string("user:\xf4\x90\x80\x80"), std::string("from:"), std::string("from:bob"),
        std::string("from:192.0.2.9/24"), std::string("USER:bob")}) {
    EXPECT_TRUE(rewritten(text).starts_with("error: ")) << text;
  }
}

TEST(SenderPart, KindsDiffer) {
  EXPECT_NE(SenderPart(), *SenderPart::user("x"));
  EXPECT_NE(*SenderPart::user("192.0.2.9"), SenderPart::from(*IpPrefix::parse("192.0.2.9")));
  EXPECT_NE(SenderPart::from(*IpPrefix::parse("192.0.2.0")),
            SenderPart::from(*IpPrefix::parse("192.0.2.0/24")));
}

}  // namespace
}  // namespace postern
