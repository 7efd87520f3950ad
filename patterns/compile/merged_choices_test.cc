#include "patterns/compile/merged_choices.h"

#include <gtest/gtest.h>

#include "patterns/artefact/gram.h"
#include "patterns/compile/symbol_automaton.h"

namespace postern::compile {
namespace {

using Kind = ExpressionTree::Kind;

ExpressionTree merged(std::string_view literal) {
  return merged_choices(*expression_tree(*language::parse_regexp(literal)));
}

TEST(MergedChoices, ways_to_write_a_letter_become_those_that_symbols_tell_apart) {
  // One octet: letters. Two: one that leads, one that continues.
  const ExpressionTree tree =
      merged("/(?:[aA]|\\xc3[\\x80-\\x85]|\\xc4[\\x80-\\x9f]|[bB]|\\xd0\\x90|b)/");
  ASSERT_EQ(tree.kind, Kind::kChoice);
  ASSERT_EQ(tree.parts.size(), 2u);
  ASSERT_EQ(tree.parts[0].kind, Kind::kClass);
  EXPECT_TRUE(tree.parts[0].bytes['A']);
  EXPECT_TRUE(tree.parts[0].bytes['b']);
  EXPECT_FALSE(tree.parts[0].bytes['c']);
  ASSERT_EQ(tree.parts[1].kind, Kind::kSequence);
  ASSERT_EQ(tree.parts[1].parts.size(), 2u);
  EXPECT_TRUE(tree.parts[1].parts[0].bytes[0xff]);
  EXPECT_FALSE(tree.parts[1].parts[0].bytes[0x80]);
  EXPECT_TRUE(tree.parts[1].parts[1].bytes[0xbf]);
}

TEST(MergedChoices, what_differs_in_two_places_stays_apart) {
  EXPECT_EQ(merged("/(?:ab|cd)/").parts.size(), 2u);
  EXPECT_EQ(merged("/(?:ab|cb)/").kind, Kind::kSequence);
  EXPECT_EQ(merged("/(?:ab|c)/").parts.size(), 2u);
}

TEST(MergedChoices, runs_that_a_text_shows_once_are_one) {
  EXPECT_EQ(merged("/(?:12|345|6)/").kind, Kind::kClass);
  EXPECT_EQ(merged("/aa/").kind, Kind::kClass);
  EXPECT_EQ(merged("/[ab][ab]/").kind, Kind::kSequence);    // "ab" is two
  EXPECT_EQ(merged("/\\x80\\x81\\x82/").parts.size(), 3u);  // each octet counts
}

TEST(MergedChoices, let_an_expression_of_many_letters_have_an_automaton) {
  std::string letter = "(?:[a@]";
  for (int i = 0; i < 99; ++i) letter += i < 50 ? "|\\xc3\\x80" : "|&#12;";
  std::string literal = "/";
  for (int i = 0; i < 99; ++i) literal += letter + ")";
  const auto tree = expression_tree(*language::parse_regexp(literal + "/"));
  ASSERT_TRUE(tree);
  EXPECT_TRUE(symbol_automaton(*tree));
}

}  // namespace
}  // namespace postern::compile
