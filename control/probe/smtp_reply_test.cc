#include "control/probe/smtp_reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::probe {
namespace {

using testing::HasSubstr;

TEST(ReplyReader, ReadsRepliesHoweverTheyAreCut) {
  const std::string_view octets =
      "220 mail.example.com ESMTP\r\n250-one\r\n250-two words\r\n250 three\r\n354\r\n250 \n";
  const Reply expected[] = {{220, {"mail.example.com ESMTP"}},
                            {250, {"one", "two words", "three"}},
                            {354, {""}},
                            {250, {""}}};
  for (size_t piece = 1; piece <= octets.size(); ++piece) {
    ReplyReader reader;
    for (size_t at = 0; at < octets.size(); at += piece) reader.add(octets.substr(at, piece));
    for (const Reply& reply : expected) EXPECT_EQ(reader.next(), reply) << piece;
    EXPECT_FALSE(reader.next());
    EXPECT_EQ(reader.fault(), "");
  }
}

TEST(ReplyReader, WhatIsNoReplyIsAFault) {
  for (const char* octets : {"hello\r\n", "\r\n", "25\r\n", "250_ok\r\n", "150 no\r\n",
                             "650 no\r\n", "2x0 no\r\n", "250-a\r\n251 b\r\n"}) {
    ReplyReader reader;
    reader.add(octets);
    EXPECT_FALSE(reader.next()) << octets;
    EXPECT_NE(reader.fault(), "") << octets;
  }
}

TEST(ReplyReader, HasItsBounds) {
  ReplyReader line;
  line.add("250 " + std::string(ReplyReader::kLongestLine - 4, 'x') + "\n");
  EXPECT_TRUE(line.next());
  line.add("250 " + std::string(ReplyReader::kLongestLine - 3, 'x'));
  EXPECT_THAT(line.fault(), HasSubstr("2048"));

  ReplyReader lines;
  for (size_t i = 1; i < ReplyReader::kMostLines; ++i) lines.add("250-x\r\n");
  lines.add("250 x\r\n");
  EXPECT_TRUE(lines.next());
  for (size_t i = 0; i <= ReplyReader::kMostLines; ++i) lines.add("250-x\r\n");
  EXPECT_THAT(lines.fault(), HasSubstr("64 lines"));

  ReplyReader unasked;
  for (int i = 0; i < 17; ++i) unasked.add("250 x\r\n");
  EXPECT_NE(unasked.fault(), "");
}

}  // namespace
}  // namespace postern::probe
