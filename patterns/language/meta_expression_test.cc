#include "patterns/language/meta_expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace postern::language {
namespace {

using ::testing::HasSubstr;

// Postfix in words: rules by name, operators by their enumerator's number in letters.
std::string postfix(std::string_view text) {
  const auto tokens = parse_meta(text);
  if (!tokens) return "error: " + tokens.error();
  static const char* const kNames[] = {"",   "",  "!",  "neg", "*",  "/", "+",  "-",  "<",
                                       "<=", ">", ">=", "==",  "!=", "^", "&&", "||", "?:"};
  std::string out;
  for (const MetaToken& token : *tokens) {
    if (!out.empty()) out += ' ';
    if (token.op == MetaOperator::kNumber) {
      out += std::to_string(static_cast<int>(token.number * 10));
    } else if (token.op == MetaOperator::kRule) {
      out += token.rule + (token.is_glob ? "[glob]" : "");
    } else {
      out += kNames[static_cast<int>(token.op)];
    }
  }
  return out;
}

// Precedence and association as perlop has them. Numbers are shown ten times as large.
TEST(MetaExpression, parses_as_perl_does) {
  EXPECT_EQ(postfix("A"), "A");
  EXPECT_EQ(postfix("A && B || C"), "A B && C ||");
  EXPECT_EQ(postfix("A || B && C"), "A B C && ||");
  EXPECT_EQ(postfix("!A && B"), "A ! B &&");
  EXPECT_EQ(postfix("!(A && B)"), "A B && !");
  EXPECT_EQ(postfix("A + B >= 2"), "A B + 20 >=");
  EXPECT_EQ(postfix("A - B - C"), "A B - C -");
  EXPECT_EQ(postfix("A + 2 * B"), "A 20 B * +");
  EXPECT_EQ(postfix("(A+B+C)>1.5"), "A B + C + 15 >");
  EXPECT_EQ(postfix("A == B && C != D"), "A B == C D != &&");
  EXPECT_EQ(postfix("A ? B : C ? D : E"), "A B C D E ?: ?:");
  EXPECT_EQ(postfix("A ^ B == C"), "A B C == ^");
  EXPECT_EQ(postfix("-A * 3"), "A neg 30 *");
  EXPECT_EQ(postfix("!!A"), "A ! !");
  EXPECT_EQ(postfix("()"), "0");
  EXPECT_EQ(postfix("local_tests_only"), "10");
  EXPECT_EQ(postfix("rules_matching(__X_*) > 2"), "__X_*[glob] 20 >");
}

TEST(MetaExpression, errors_say_where_and_what_was_expected) {
  EXPECT_THAT(postfix("A &&"), HasSubstr("ends too early; expected a rule name, a number or '('"));
  EXPECT_THAT(postfix("A & B"), HasSubstr("unexpected '&' at character 3"));
  EXPECT_THAT(postfix("(A"), HasSubstr("expected ')'"));
  EXPECT_THAT(postfix("A B"),
              HasSubstr("unexpected 'B' at character 3 of the expression; expected an operator"));
  EXPECT_THAT(postfix("A ? B"), HasSubstr("expected ':'"));
  EXPECT_THAT(postfix("A, B"), HasSubstr("unexpected ','"));
  EXPECT_THAT(postfix("1 < A < 3"), HasSubstr("cannot be chained"));
  EXPECT_THAT(postfix("3A"), HasSubstr("operator after the number"));
  EXPECT_THAT(postfix("rules_matching()"), HasSubstr("rule names"));
  EXPECT_THAT(postfix(std::string(5000, '(')), HasSubstr("levels of nesting"));
  EXPECT_THAT(postfix(std::string(5000, '!')), HasSubstr("levels of nesting"));
}

TEST(MetaExpression, globs) {
  EXPECT_TRUE(glob_matches("A*", "ABC"));
  EXPECT_TRUE(glob_matches("*C", "ABC"));
  EXPECT_TRUE(glob_matches("A?C", "ABC"));
  EXPECT_TRUE(glob_matches("*A*A*", "BABAB"));
  EXPECT_FALSE(glob_matches("A?C", "AC"));
  EXPECT_FALSE(glob_matches("A", "AB"));
  EXPECT_FALSE(glob_matches("*AA*", "ABAB"));
}

}  // namespace
}  // namespace postern::language
