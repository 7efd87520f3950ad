#include "base/plain_text.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

TEST(PlainText, IsOneLineOfUtf8) {
  struct Case {
    std::string_view text, plain;
  };
  const Case cases[] = {
      {"", ""},
      {"Grüße, 日本 🙂", "Grüße, 日本 🙂"},
      {"a\r\nb\tc\x7f", "a\\x0d\\x0ab\\x09c\\x7f"},
      {"\x1b[2J", "\\x1b[2J"},
      {"\xc2\x9b"
       "2J",
       "\\xc2\\x9b2J"},  // CSI as one character, U+009B
      {"invoice\xe2\x80\xae"
       "fdp",
       "invoice\\xe2\\x80\\xaefdp"},  // U+202E turns what follows
      {"\xff\xc3", "\\xff\\xc3"},
      {"\xc0\xaf", "\\xc0\\xaf"},                    // "/", written too long
      {"\xed\xa0\x80", "\\xed\\xa0\\x80"},           // half a surrogate pair
      {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},  // beyond U+10FFFF
  };
  for (const auto& [text, plain] : cases) EXPECT_EQ(plain_text(text, 100), plain) << text;
}

TEST(PlainText, IsCutBehindItsMostCharacters) {
  EXPECT_EQ(plain_text("abcd", 4), "abcd");
  EXPECT_EQ(plain_text("abcde", 4), "abcd…");
  EXPECT_EQ(plain_text("日本語", 2), "日本…");
  EXPECT_EQ(plain_text("ab\n", 5), "ab…") << "an escape is not cut in two";
  EXPECT_EQ(plain_text("ab\n", 6), "ab\\x0a");
  EXPECT_EQ(plain_text("a", 0), "…");
}

}  // namespace
}  // namespace postern
