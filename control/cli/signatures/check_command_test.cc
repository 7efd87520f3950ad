// `signatures check` and what `compile` says.
#include "control/cli/signatures/check_command.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "control/cli/signatures/testing_commands.h"

namespace postern::cli {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

using CheckCommandTest = SignaturesTest;
using CompileCommandTest = SignaturesTest;

constexpr std::string_view kClean = "body PILLS /cheap pills/\nscore PILLS 3.5\n";

TEST_F(CheckCommandTest, NothingToSayIsExitZero) {
  const Outcome outcome = run({"check", file("a.cf", kClean)});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "1 rules, 0 errors, 0 warnings\n");
}

TEST_F(CheckCommandTest, WarningsAreExitOneInTheOrderOfTheLines) {
  const std::string rules = file("a.cf",
                                 "body EVERY /(?:x)*/\n"
                                 "body FIRST /cheap pills/\n"
                                 "body AGAIN /cheap pills/\n"
                                 "body NONE /end$more/\n"
                                 "body SLOW /x(?:a+)+y/\n");
  const Outcome outcome = run({"check", rules});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, AllOf(StartsWith("always_matches: " + rules + ":1: EVERY"),
                                 HasSubstr("\nduplicate: " + rules + ":3: AGAIN asks what FIRST"),
                                 HasSubstr("\nnever_matches: " + rules + ":4: NONE"),
                                 HasSubstr("\ndear: " + rules + ":5: SLOW"),
                                 HasSubstr("5 rules, 0 errors, 4 warnings\n")));
  const json told = json::parse(run({"check", "--json", rules}).out);
  ASSERT_EQ(told["warnings"].size(), 4u);
  EXPECT_EQ(told["warnings"][1]["kind"], "duplicate");
  EXPECT_EQ(told["warnings"][1]["line"], 3);
  EXPECT_EQ(told["rules"], 5);
}

TEST_F(CheckCommandTest, ErrorsAreExitTwoAllAtOnce) {
  const std::string rules = file("a.cf", "body X /(/\nmeta Y NOBODY && X\nbody Z\n");
  const Outcome outcome = run({"check", rules});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("error: " + rules + ":1: "), HasSubstr("error: " + rules + ":3: ")));
  const json told = json::parse(run({"check", "--json", rules}).out);
  EXPECT_GE(told["errors"].size(), 2u);
  EXPECT_EQ(told["errors"][0]["line"], 1);
  EXPECT_EQ(run({"check", path("absent.cf")}).code, 2);
  EXPECT_EQ(run({"check"}).code, 2);
}

TEST_F(CompileCommandTest, ReportListsEachExpressionWithItsCost) {
  const std::string rules = file("a.cf",
                                 "body PILLS /cheap pills/\nscore PILLS 3.5\n"
                                 "header __URGENT Subject =~ /urgent/\n"
                                 "meta BOTH PILLS && __URGENT\n");
  const std::string set = path("a.psig");
  const Outcome outcome = run({"compile", rules, "-o", set, "--report"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("2 rules and 1 sub-rules from 1 file\n"), HasSubstr("; 1 metas\n"),
                    testing::ContainsRegex("ns/byte +otherwise +class +rule +why; factors\n"),
                    testing::ContainsRegex("\n +[0-9.]+ +[-0-9.]+ +[a-z0-9]+ +PILLS +[a-z]"),
                    testing::ContainsRegex("\n +[0-9.]+ +[-0-9.]+ +[a-z0-9]+ +__URGENT +[a-z]"),
                    HasSubstr("wrote " + set + ": ")));
  EXPECT_THAT(run({"compile", rules, "-o", set}).out, testing::Not(HasSubstr("ns/byte")));
  const json told = json::parse(run({"compile", rules, "-o", set, "--json"}).out);
  EXPECT_EQ(told["compiled"], true);
  EXPECT_EQ(told["rules"], 2);
  ASSERT_EQ(told["expressions"].size(), 2u);
  EXPECT_TRUE(told["expressions"][0]["ns_per_byte"].is_number());
}

TEST_F(CompileCommandTest, AnErrorWritesNothing) {
  const std::string set = path("a.psig");
  const Outcome outcome = run({"compile", file("a.cf", "body X /(/\n"), "-o", set});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("a.cf:1: "), HasSubstr("1 error; nothing was written")));
  EXPECT_FALSE(std::filesystem::exists(set));
}

}  // namespace
}  // namespace postern::cli
