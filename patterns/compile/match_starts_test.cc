#include "patterns/compile/match_starts.h"

#include <gtest/gtest.h>

#include <string_view>

#include "patterns/language/regexp.h"

namespace postern::compile {
namespace {

std::optional<artefact::MatchStarts> starts_of(std::string_view literal) {
  const auto tree = expression_tree(*language::parse_regexp(literal));
  return tree ? match_starts(*tree) : std::nullopt;
}

// Whether a match may begin with `text`, which is followed by nothing.
bool can_begin_with(std::string_view literal, std::string_view text) {
  const auto starts = starts_of(literal);
  if (!starts) return true;
  artefact::SymbolFold fold;
  uint32_t symbols = 0;
  for (const char c : text) {
    if (symbols < 3 && fold.take(static_cast<uint8_t>(c))) ++symbols;
  }
  uint32_t three = fold.last_four();
  for (; symbols < 3; ++symbols) three = three << artefact::kSymbolBits | artefact::kSymbols;
  return artefact::can_begin(*starts, three);
}

TEST(MatchStarts, are_the_first_three_symbols) {
  EXPECT_TRUE(can_begin_with("/viagra/i", "ViAgra"));
  EXPECT_TRUE(can_begin_with("/viagra/i", "viax"));  // beyond three nothing is asked
  EXPECT_FALSE(can_begin_with("/viagra/i", "vib"));
  EXPECT_FALSE(can_begin_with("/viagra/i", "iagra"));
  EXPECT_FALSE(can_begin_with("/viagra/i", "vi"));
}

TEST(MatchStarts, a_run_counts_once) {
  EXPECT_TRUE(can_begin_with("/aab[0-9]{3}x/", "aab1"));
  EXPECT_TRUE(can_begin_with("/aab[0-9]{3}x/", "ab111"));  // a longer run began before the match
  EXPECT_FALSE(can_begin_with("/aab[0-9]{3}x/", "abx"));
}

TEST(MatchStarts, what_a_short_match_is_followed_by_is_anything) {
  EXPECT_TRUE(can_begin_with("/qz/", "qz"));
  EXPECT_TRUE(can_begin_with("/qz/", "qz!"));
  EXPECT_FALSE(can_begin_with("/qz/", "q"));
  EXPECT_TRUE(can_begin_with("/q/", "q"));
  EXPECT_FALSE(can_begin_with("/q/", "z"));
}

TEST(MatchStarts, choices_options_and_assertions) {
  const char* literal = "/(?<!x)\\b(?:your )?(?:mail|web)box(?=es)/";
  EXPECT_TRUE(can_begin_with(literal, "your m"));
  EXPECT_TRUE(can_begin_with(literal, "mailbox"));
  EXPECT_TRUE(can_begin_with(literal, "webbox"));
  EXPECT_FALSE(can_begin_with(literal, "box"));
  EXPECT_FALSE(can_begin_with(literal, " mail"));
}

TEST(MatchStarts, none_where_nearly_anything_begins_a_match) {
  EXPECT_FALSE(starts_of("/x*/"));
  EXPECT_FALSE(starts_of("/.+foo/"));
  EXPECT_FALSE(starts_of("/a?/"));
}

TEST(MatchStarts, their_share_of_a_text) {
  const auto starts = starts_of("/abc/");
  ASSERT_TRUE(starts);
  // Of six symbols, a run counting once, one is the third of "abc".
  const std::string text[] = {"xabbcxy"};
  EXPECT_DOUBLE_EQ(share_of_starts(*starts, text), 1.0 / 6);
}

}  // namespace
}  // namespace postern::compile
