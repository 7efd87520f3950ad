#include "patterns/language/group_folding.h"

#include <gtest/gtest.h>

#include "patterns/language/regexp.h"

namespace postern::language {
namespace {

const std::string kLetter = "(?:[aA@]|\\xc3[\\x80-\\x85]|\\xc4[\\x80-\\x85])";

TEST(GroupFolding, what_stands_twice_is_written_once) {
  EXPECT_EQ(fold_groups(kLetter + "b" + kLetter + "?"),
            "(?&f0)b(?&f0)?(?(DEFINE)(?<f0>[aA@]|\\xc3[\\x80-\\x85]|\\xc4[\\x80-\\x85]))");
  // A group within one is found in its body.
  const std::string word = "(?:x" + kLetter + "y" + kLetter + ")";
  EXPECT_EQ(fold_groups(word + "{5}"),
            "(?&f0){5}(?(DEFINE)(?<f0>x(?&f1)y(?&f1))(?<f1>[aA@]|\\xc3[\\x80-\\x85]|\\xc4[\\x80-"
            "\\x85]))");
}

TEST(GroupFolding, what_another_place_would_change_stays) {
  const std::string twice = kLetter + kLetter;
  for (const std::string& pattern :
       {std::string("(?:ab)(?:ab)"), kLetter, "(?i)" + twice, "(?i:x)" + twice, "(x)\\1" + twice,
        "(*ANYCRLF)" + twice, "(?#x)" + twice, "\\Q(\\E" + twice, "(?<n>x)" + twice,
        std::string("(?:(capture)abcdefghijklmnopqrstuvw)(?:(capture)abcdefghijklmnopqrstuvw)")}) {
    EXPECT_EQ(fold_groups(pattern), "") << pattern;
  }
  // Parentheses in classes and behind a backslash are none.
  EXPECT_NE(fold_groups("[(]\\)" + twice), "");
}

TEST(GroupFolding, an_expression_too_large_for_pcre2_matches_as_it_is_written) {
  // Of 300 letters of some 700 octets each: a call each instead.
  std::string letter = "(?:[aA]";
  for (int i = 0; i < 60; ++i) letter += "|\\xc3[\\x80-\\x85]x";
  letter += "|ab)";
  std::string pattern = "^";
  for (int i = 0; i < 300; ++i) pattern += letter;
  const auto code = compile_pcre2({pattern + "$", 0});
  ASSERT_TRUE(code) << code.error().what;
  const Regexp regexp{pattern + "$", 0};
  EXPECT_TRUE(matches(regexp, std::string(300, 'a')));
  EXPECT_FALSE(matches(regexp, std::string(299, 'a')));
  EXPECT_FALSE(matches(regexp, std::string(301, 'a')));
  // The first letter is tried again as "ab".
  EXPECT_TRUE(matches(regexp, "ab" + std::string(299, 'a')));
  EXPECT_TRUE(matches(regexp, std::string(299, 'a') + "\xc3\x81x"));
  // Without groups that are alike there is nothing to do.
  const auto large = compile_pcre2({"(?:" + std::string(70'000, 'a') + ")", 0});
  ASSERT_FALSE(large);
  EXPECT_FALSE(large.error().portable);
}

}  // namespace
}  // namespace postern::language
