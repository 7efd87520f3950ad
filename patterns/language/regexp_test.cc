#include "patterns/language/regexp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::language {
namespace {

using ::testing::HasSubstr;

struct Good {
  const char* literal;
  const char* matching;
  const char* other;  // must not match; null: not asked
};

// Expectations are Perl's (perlre).
constexpr Good kGood[] = {
    {"/viagra/", "buy viagra now", "VIAGRA"},
    {"/viagra/i", "VIAGRA", "niagara"},
    {"m{^https?://}", "http://x", "xhttp://"},
    {"m(a(b)c)", "abc", "a(b)c"},
    {"m<a>", "a", "b"},
    {"m!a/b!", "a/b", "ab"},
    {"m|a\\|b|", "a|b", "a"},
    {"qr/a.b/s", "a\nb", "ab"},
    {"/a.b/", "axb", "a\nb"},
    {"/^b/m", "a\nb", "ab"},
    {"/^b/", "b", "a\nb"},
    {"/ a b # comment\\n/x", "ab", "a b"},
    {"/(?^i:A)b/", "ab", "aB"},
    {"/(?aa)\\w+x/", "wx", nullptr},
    {"/(?u:\\w)/", "w", "\xE4"},   // bytes: no letter above 0x7F
    {"/^a{,2}b/", "aab", "aaab"},  // Perl 5.34: at most two
    {"/[{,2}]x/", "{x", "3x"},
    {"/\\/x\\//", "/x/", "x"},
    {"/[^\\]a]b/", "xb", "]b"},
    {"/(a)(?n:(b))\\1/", "aba", "abb"},
    {"/\\xE4/", "\xE4", "a"},
    {"/foo$/", "foo\n", "foo\n\n"},
};

TEST(Regexp, means_what_perl_means) {
  for (const Good& good : kGood) {
    const auto regexp = parse_regexp(good.literal);
    ASSERT_TRUE(regexp) << good.literal << ": " << regexp.error().what;
    EXPECT_TRUE(matches(*regexp, good.matching)) << good.literal;
    if (good.other != nullptr) {
      EXPECT_FALSE(matches(*regexp, good.other)) << good.literal;
    }
  }
}

struct Bad {
  const char* literal;
  const char* what;
};

constexpr Bad kBad[] = {
    {"viagra", "no delimiters"},
    {"", "no delimiters"},
    {"m", "no delimiters"},
    {"/viagra", "not closed"},
    {"/via/gra/", "delimiter '/' inside"},
    {"m!a!b!", "delimiter '!' inside"},
    {"/a/q", "unknown flag 'q'"},
    {"/a/g", "unknown flag 'g'"},
    {"/(a/", "missing closing parenthesis at character 2"},
    {"/[a/", "missing terminating ]"},
    {"/*a/", "quantifier does not follow"},
    {"/a{3,2}/", "out of order"},
    {"m\\a\\", "backslash cannot delimit"},
    {"/\\C/", "\\C"},
};

TEST(Regexp, errors_say_what_is_wrong) {
  for (const Bad& bad : kBad) {
    const auto regexp = parse_regexp(bad.literal);
    ASSERT_FALSE(regexp) << bad.literal;
    EXPECT_TRUE(regexp.error().portable) << bad.literal;
    EXPECT_THAT(regexp.error().what, HasSubstr(bad.what)) << bad.literal;
  }
}

TEST(Regexp, what_only_bytes_cannot_hold_is_told_apart) {
  const auto regexp = parse_regexp("/[c\\x{441}]/");
  ASSERT_FALSE(regexp);
  EXPECT_FALSE(regexp.error().portable);
}

}  // namespace
}  // namespace postern::language
