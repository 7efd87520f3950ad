#include "patterns/compile/compiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hs/hs.h>

#include <map>

#include "patterns/compile/trial.h"
#include "patterns/language/reader.h"

namespace postern::compile {
namespace {

using artefact::ExpressionClass;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

// Hyperscan has all that it can express: how an expression is placed by its cost is no matter here.
std::expected<Compiled, std::string> compile_text(std::string_view text) {
  CompileOptions options;
  options.placement.factoring = Factoring::kNever;
  language::Reader reader;
  reader.read_text("test.cf", text);
  const auto rules = reader.finish();
  EXPECT_TRUE(rules) << rules.error()[0].to_string();
  return compile(*rules, options);
}

std::map<std::string, ExpressionClass> classes(const artefact::Artefact& artefact) {
  std::map<std::string, ExpressionClass> out;
  for (const auto& expression : artefact.expressions) {
    out[artefact.rules[expression.rule].name] = expression.kind;
  }
  return out;
}

TEST(Compiler, classes_expressions) {
  const auto compiled = compile_text(R"(
body PLAIN /viagra/i
body ANCHOR /^hello/
body AHEAD /foo(?=bar)/
body BACK /(a|b)\1/
body EMPTY /x*/
body COUNT /x/
tflags COUNT multiple
header H_ANCHOR Subject =~ /^hello$/
header H_AHEAD Subject =~ /^(?!re:)/i
header H_EMBEDDED Subject =~ /(?:a(?!b)|^c)d(?:e|^f)/
full F /x/
)");
  ASSERT_TRUE(compiled);
  const auto kinds = classes(compiled->artefact);
  EXPECT_EQ(kinds.at("PLAIN"), ExpressionClass::kNative);
  EXPECT_EQ(kinds.at("ANCHOR"), ExpressionClass::kConfirmed);
  EXPECT_EQ(kinds.at("AHEAD"), ExpressionClass::kConfirmed);
  EXPECT_EQ(kinds.at("BACK"), ExpressionClass::kConfirmed);
  EXPECT_EQ(kinds.at("EMPTY"), ExpressionClass::kPcre2);
  EXPECT_EQ(kinds.at("COUNT"), ExpressionClass::kConfirmed);
  EXPECT_EQ(kinds.at("H_ANCHOR"), ExpressionClass::kNative);
  EXPECT_EQ(kinds.at("F"), ExpressionClass::kConfirmed);
  EXPECT_NE(kinds.at("H_AHEAD"), ExpressionClass::kNative);
  EXPECT_EQ(compiled->report.native + compiled->report.confirmed + compiled->report.pcre2_alone,
            kinds.size());
}

TEST(Compiler, one_database_a_target_and_header_selector) {
  const auto compiled = compile_text(
      "body A /a/\nbody B /b/\nuri C /c/\nheader D Subject =~ /d/\nheader E subject !~ /e/\n"
      "header F From:addr =~ /f/\nheader G exists:X-G\n");
  ASSERT_TRUE(compiled);
  EXPECT_EQ(compiled->artefact.databases.size(), 4u);  // body, uri, Subject, From:addr
  EXPECT_EQ(compiled->artefact.selectors.size(), 3u);
}

TEST(Compiler, what_is_not_run_is_reported) {
  const auto compiled = compile_text(
      "body ZERO /x/\nscore ZERO 0\nheader E eval:f()\nmeta ZM (A)\nscore ZM 0\n"
      "body A /a/\nmeta ON !ZM\n");
  ASSERT_TRUE(compiled);
  std::vector<std::string> reasons;
  for (const auto& not_run : compiled->report.not_run)
    reasons.push_back(not_run.rule + ": " + not_run.why);
  EXPECT_THAT(reasons, UnorderedElementsAre("ZERO: its score is 0", "ZM: its score is 0",
                                            "E: eval:f needs SpamAssassin's Perl code",
                                            "ON: it builds on a meta whose score is 0"));
}

TEST(Compiler, metas_come_after_what_they_use) {
  const auto compiled = compile_text("meta A B + C\nmeta B C\nmeta C D\nbody D /d/\n");
  ASSERT_TRUE(compiled);
  std::vector<std::string> order;
  for (const auto& meta : compiled->artefact.metas)
    order.push_back(compiled->artefact.rules[meta.rule].name);
  EXPECT_THAT(order, ElementsAre("C", "B", "A"));
}

TEST(Compiler, same_rules_same_bytes) {
  const char* text = "body A /a/\nheader B From =~ /(?!b)c/\nmeta C A && B\nuri D /^d/\n";
  EXPECT_EQ(artefact::serialise(compile_text(text)->artefact),
            artefact::serialise(compile_text(text)->artefact));
}

TEST(Compiler, an_expression_over_its_budget_is_given_up) {
  // One of Debian's SpamAssassin rules, for addresses that a link hides.
  HyperscanForm dear = hyperscan_form(
      *language::parse_regexp(
          R"(m/<a\s[^>]{0,2048}\bhref=(?:3D)?.?(https?:[^>"'# ]{8,29}[^>"'# :\/?&=])[^>]{0,2048}>)"
          R"((?:[^<]{0,1024}<(?!\/a)[^>]{1,1024}>){0,99}\s{0,10}(?!\1)https?[^\w<]{1,3}[^<]{5}/i)"),
      true);
  dear.flags |= HS_FLAG_PREFILTER;
  HyperscanForm cheap;
  cheap.pattern = "abc";
  const SampleText text = sample_text({"some text"}, true);
  const Trial trials[] = {{&dear, &text}, {&cheap, &text}};
  const auto results = try_hyperscan(trials, 1, 2);
  EXPECT_FALSE(results[0].cost);  // takes half a minute
  EXPECT_TRUE(results[0].is_final);
  EXPECT_TRUE(results[1].cost);
}

}  // namespace
}  // namespace postern::compile
