#include "patterns/compile/hyperscan_form.h"

#include <gtest/gtest.h>
#include <hs/hs.h>

#include "patterns/language/regexp.h"

namespace postern::compile {
namespace {

HyperscanForm joined(const char* literal) {
  return hyperscan_form(*language::parse_regexp(literal), true);
}
HyperscanForm alone(const char* literal) {
  return hyperscan_form(*language::parse_regexp(literal), false);
}

// Over the joint "\n\0\n" goes only what can match both of its bytes (hand analysis).
TEST(HyperscanForm, confirmation_where_a_match_could_lie_over_the_joint) {
  for (const char* literal :
       {"/viagra/i", "/a\\s+b/", "/a.{0,9}b/", "/\\bfoo\\b/", "/[a-z]\\w*[0-9]/", "/[\\s-]x/",
        "/[^\\n]x/", "/[^\\s]x/", "/a\\S+b/", "/(?i)foo(?:bar|baz)?/", "/\\x41\\//",
        "/[[:alpha:]]/", "/\\$\\d+/", "/a\\.b/"}) {
    EXPECT_FALSE(joined(literal).needs_confirmation) << literal;
  }
  for (const char* literal : {"/^a/",
                              "/a$/",
                              "/\\Aa/",
                              "/a\\z/",
                              "/a\\Z/",
                              "/a\\W+b/",
                              "/a[^z]b/",
                              "/a.b/s",
                              "/a(?s:.)b/",
                              "/a(?s).b/",
                              "/a\\D+b/",
                              "/a\\s.b/",
                              "/[\\S\\s]a/",
                              "/a[\\x00-\\x20]b/",
                              "/a[[:^alpha:]]b/",
                              "/[[:cntrl:]]a/",
                              "/a\\s\\Sb/",
                              "/\\n\\000/",
                              "/a\\s[^b]/",
                              "/[^]a]b/",
                              "/x[^\\]]y/"}) {
    EXPECT_TRUE(joined(literal).needs_confirmation) << literal;
  }
}

TEST(HyperscanForm, header_values_need_none) {
  EXPECT_FALSE(alone("/^a.*b$/s").needs_confirmation);
  EXPECT_EQ(alone("/\\Aa\\z/").pattern, "\\Aa\\z");
  EXPECT_EQ(alone("/^a/").flags & HS_FLAG_MULTILINE, 0u);
  EXPECT_NE(alone("/^a/m").flags & HS_FLAG_MULTILINE, 0u);
}

TEST(HyperscanForm, anchors_become_those_of_elements) {
  EXPECT_EQ(joined("/\\Aa\\z|b\\Z/").pattern, "^a$|b$");
  EXPECT_EQ(joined("/[\\^\\$]\\\\A/").pattern, "[\\^\\$]\\\\A");
  EXPECT_NE(joined("/^a/").flags & HS_FLAG_MULTILINE, 0u);
  EXPECT_EQ(joined("/(?m:^a)(?-m)b/").pattern, "(?:^a)b");
}

TEST(HyperscanForm, options_in_letters_that_hyperscan_has) {
  EXPECT_EQ(alone("/(?^i:a)/").pattern, "(?i-sxm:a)");
  EXPECT_EQ(joined("/(?^i:a)/").pattern, "(?i-sx:a)");
  EXPECT_EQ(alone("/(?n:a)(?aa)b/").pattern, "(?:a)b");
  EXPECT_EQ(alone("/a b/x").pattern, "(?x)a b");
  EXPECT_EQ(alone("/a(?#note)b/").pattern, "a(?#note)b");
  EXPECT_NE(alone("/a/i").flags & HS_FLAG_CASELESS, 0u);
  EXPECT_EQ(alone("/a/").flags & HS_FLAG_DOTALL, 0u);
}

TEST(HyperscanForm, repetitions_are_added_up) {
  EXPECT_EQ(alone("/a{3}b{1,20}c{5,}d{ x/").repetitions, 28u);
  EXPECT_EQ(alone("/[{1,9}]\\{4}/").repetitions, 0u);
}

}  // namespace
}  // namespace postern::compile
