#include "patterns/language/replace_tags.h"

#include <gtest/gtest.h>

namespace postern::language {
namespace {

ReplaceTags tags() {
  ReplaceTags out;
  out.tags = {{"A", "[a\\xe0@]"}, {"B", "(?:b|8)"}, {"DEEP", "x<A>y"}, {"Z", "0"}};
  out.inter = {{"SP", "[ _]*"}};
  out.pre = {{"P", "(?:p)"}};
  out.post = {{"Q", "q?"}};
  return out;
}

// What SpamAssassin 4.0.1 makes of each, read from its {test_qrs}.
TEST(ReplaceTags, does_what_spamassassin_does) {
  struct Row {
    const char* expression;
    const char* expanded;
  };
  for (const Row& row : {
           Row{"<A>c", "[a\\xe0@]c"},
           Row{"<inter SP><A><B>", "[a\\xe0@][ _]*(?:b|8)"},
           Row{"<pre P><A>x<B>", "(?:p)[a\\xe0@]x(?:p)(?:b|8)"},
           Row{"<post Q>u<A><B>", "u[a\\xe0@]q?(?:b|8)q?"},
           Row{"<DEEP>", "x[a\\xe0@]y"},
           Row{"<NOPE><A>", "<NOPE>[a\\xe0@]"},
           Row{"(?<!<A>)b", "(?<![a\\xe0@])b"},
           Row{"(?<=x)<A>(?<n>y)", "(?<=x)[a\\xe0@](?<n>y)"},
           Row{"<Z>", "<Z>"},
           Row{"<inter SP><A>c<B>", "[a\\xe0@]c(?:b|8)"},
           Row{"<inter SP>(?!<A>)<A><B>", "(?![a\\xe0@])[a\\xe0@][ _]*(?:b|8)"},
           Row{"<post Q><NOPE>z", "<NOPE>q?z"},
           Row{"<inter NONE><A><B>", "[a\\xe0@](?:b|8)"},
           Row{"a<A>(?:<B>|<A>)$", "a[a\\xe0@](?:(?:b|8)|[a\\xe0@])$"},
           Row{"<pre P>(?<!x)<A>", "(?<!x)(?:p)[a\\xe0@]"},
       }) {
    EXPECT_EQ(tags().expand(row.expression), row.expanded) << row.expression;
  }
}

TEST(ReplaceTags, a_tag_within_itself_ends) {
  ReplaceTags own;
  own.tags = {{"A", "(<A>|<A>)"}};
  EXPECT_EQ(own.expand("<A>").size() > 3, true);
}

TEST(ReplaceTags, other_strings_begin_and_end_a_tag) {
  ReplaceTags own = tags();
  own.start = "{{";
  own.end = "}}";
  EXPECT_EQ(own.expand("x{{A}}<A>"), "x[a\\xe0@]<A>");
}

}  // namespace
}  // namespace postern::language
