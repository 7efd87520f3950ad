#include "patterns/compile/required_factors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "patterns/compile/sample.h"

namespace postern::compile {
namespace {

using artefact::Gram;
using ::testing::Contains;
using ::testing::ElementsAre;

const GramRates& rates() {
  static const GramRates rates(default_sample().at(language::Target::kBody));
  return rates;
}

std::vector<RequiredFactor> factors_of(std::string_view literal) {
  const auto tree = expression_tree(*language::parse_regexp(literal));
  return tree ? required_factors(*tree, rates()) : std::vector<RequiredFactor>{};
}

// A gram by the letters, digits and blanks that make it.
Gram gram(std::string_view text) {
  Gram out = 0;
  artefact::for_each_symbol(text, [&](uint32_t symbols, uint32_t length, uint32_t) {
    out = artefact::make_gram(symbols, length);
  });
  return out;
}

TEST(Gram, folds_case_digits_white_space_and_runs) {
  EXPECT_EQ(gram("abcd"), gram("ABCD"));
  EXPECT_EQ(gram("a1b"), gram("a9b"));
  EXPECT_EQ(gram("a\t b"), gram("a b"));
  EXPECT_EQ(gram("aab"), gram("ab"));
  EXPECT_NE(gram("\xc3\xa9\xc3\xa9"), gram("\xc3\xa9"));  // each character counts
  EXPECT_EQ(artefact::length_of(gram("ab")), 2u);
  EXPECT_EQ(artefact::length_of(gram("abcdef")), 4u);
}

TEST(RequiredFactors, of_a_word_is_one_of_its_grams) {
  for (const auto& factor : factors_of("/viagra/i")) {
    ASSERT_EQ(factor.grams.size(), 1u);
    EXPECT_THAT((std::set<Gram>{gram("viag"), gram("iagr"), gram("agra")}),
                Contains(factor.grams[0]));
    EXPECT_EQ(factor.least, 1u);
    EXPECT_LE(factor.reach, 6u);
  }
  EXPECT_FALSE(factors_of("/viagra/i").empty());
}

TEST(RequiredFactors, of_a_choice_has_a_gram_of_each_way) {
  const auto factors = factors_of("/quiz|jazz|xylo/");
  ASSERT_FALSE(factors.empty());
  // "jazz" is shown as "jaz": a run counts once.
  EXPECT_EQ(factors[0].grams.size(), 3u);
  EXPECT_THAT(factors[0].grams, Contains(gram("jaz")));
}

TEST(RequiredFactors, of_what_is_repeated_is_seen_as_often) {
  const auto factors = factors_of("/(?:xyz[0-9]q){5}/");
  ASSERT_FALSE(factors.empty());
  EXPECT_THAT((std::vector<uint32_t>{4, 5}), Contains(factors[0].least));
}

TEST(RequiredFactors, none_where_nothing_must_be_there) {
  EXPECT_TRUE(factors_of("/x*/").empty());
  EXPECT_TRUE(factors_of("/./").empty());
  EXPECT_TRUE(factors_of("/\\S+\\s\\S+/").empty());
  EXPECT_TRUE(factors_of("/abcd|.*/").empty());
}

TEST(RequiredFactors, assertions_only_narrow_what_is_matched) {
  EXPECT_THAT(factors_of("/^(?!no)\\bxylo(?=phone)$/")[0].grams, ElementsAre(gram("xylo")));
}

TEST(RequiredFactors, what_the_tree_does_not_know_has_none) {
  EXPECT_FALSE(expression_tree(*language::parse_regexp("/(?(DEFINE)(?<a>b))x(?&a)/")));
  EXPECT_TRUE(factors_of("/(?(DEFINE)(?<a>b))x(?&a)/").empty());
}

// Texts that PCRE2 says match, each within others: all factors are seen often enough, and a match
// begins where the one that is bounded says.
TEST(RequiredFactors, are_seen_in_all_that_matches) {
  struct Case {
    const char* literal;
    const char* match;
  };
  const Case cases[] = {
      {"/c[i1!|]al[i1!|]s/i", "C1al!s"},
      {"/f\\W{0,3}r\\W{0,3}e\\W{0,3}e/i", "f-.-R e!!e"},
      {"/\\b(?:mil+ion|billion) (?:us )?dollars?\\b/i", "milllion US dollar"},
      {"/(?:[a\\xc3][\\xa0-\\xa5]?|\\xe1\\xbe[\\x80-\\x8f])ff(?:o|0)rd/",
       "\xe1\xbe\x85"
       "ff0rd"},
      {"/(\\w)\\1{2}x+y{2,4}z/", "aaaxxxxyyyz"},
      {"/a(?i)B(?-i:c)d/", "abcD"},
      {"/(?x) spaced \\  out # comment\n end/", "spaced outend"},
      {"/[^a-z]{3}[[:upper:]]+\\d\\d:\\d\\d/", "...AB12:34"},
      {"/(?:name|address|phone)\\s*:\\s*(?:name|address|phone):/", "phone :\n address:"},
      {"/(?>ab|a)(?:b|c)++d{0}e/", "abbe"},
      {"/[\\x80-\\xff]{4}/", "\xd0\xb0\xd0\xb1"},
  };
  for (const Case& c : cases) {
    for (const char* around : {"", "aa", " .-", "zzzz\xc3\xa9", "11"}) {
      const std::string text = std::string(around) + c.match + around;
      const auto regexp = *language::parse_regexp(c.literal);
      if (!language::matches(regexp, text) && *around != 0) continue;  // a word's end was needed
      ASSERT_TRUE(language::matches(regexp, text)) << c.literal << " " << text;
      for (const auto& factor : factors_of(c.literal)) {
        uint32_t seen = 0, number = 0;
        bool begins_there = factor.reach == artefact::kNone;
        std::vector<uint32_t> offsets;
        artefact::for_each_symbol(text, [&](uint32_t symbols, uint32_t length, uint32_t offset) {
          offsets.push_back(offset);
          for (uint32_t n = 1; n <= length; ++n) {
            if (!std::ranges::binary_search(factor.grams, artefact::make_gram(symbols, n)))
              continue;
            ++seen;
            const size_t from = offsets[number > factor.reach ? number - factor.reach : 0];
            begins_there |=
                from <= std::string_view(around).size() && std::string_view(around).size() < offset;
          }
          ++number;
        });
        EXPECT_GE(seen, factor.least) << c.literal << " " << text;
        EXPECT_TRUE(begins_there) << c.literal << " " << text;
      }
    }
  }
}

}  // namespace
}  // namespace postern::compile
