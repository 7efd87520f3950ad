// A set of four rules and seven messages whose figures can be told by hand.
#include "control/cli/signatures/test_command.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "control/cli/signatures/testing_commands.h"

namespace postern::cli {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kTestedRules = R"(
body   PILLS    /cheap pills/
score  PILLS    3.5
describe PILLS  Offers pills
header URGENT   Subject =~ /urgent/i
score  URGENT   2
body   __WATCH  /watches/
meta   GOODS    PILLS && __WATCH
score  GOODS    1.5
header FRIEND   From:addr =~ /\@friend\.example$/
score  FRIEND   -4
body   NEVER    /no message says this/
score  NEVER    9
body   OFF      /cheap/
score  OFF      0
)";

std::string mail(std::string_view from, std::string_view subject, std::string_view text) {
  std::string out = "From: ";
  return out.append(from)
      .append("\nSubject: ")
      .append(subject)
      .append("\n\n")
      .append(text)
      .append("\n");
}

// What each hits is beside it; the threshold is 5.
class TestCommandTest : public SignaturesTest {
 protected:
  TestCommandTest() {
    rules_ = file("rules.cf", kTestedRules);
    file("ham/1", mail("a@ham.example", "hello", "How are you?"));             // nothing: 0
    file("ham/deep/2", mail("a@ham.example", "Urgent", "Please call"));        // URGENT: 2
    file("ham/deep/3", mail("a@ham.example", "urgent", "not cheap pills"));    // PILLS URGENT: 5.5
    file("ham/4", mail("b@friend.example", "urgent", "cheap pills"));          // all three: 1.5
    file("ham/.books", "not a message");                                       // left out
    file("spam/1", mail("c@spam.example", "offer", "cheap pills, watches"));   // PILLS GOODS: 5
    file("spam/2", mail("c@spam.example", "URGENT", "cheap pills, watches"));  // and URGENT: 7
    file("spam/3", mail("c@spam.example", "offer", "watches"));                // __WATCH: 0
  }
  Outcome try_it(std::vector<std::string> more = {}) {
    std::vector<std::string> words{"test", rules_, "--ham", path("ham"), "--spam", path("spam")};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }
  std::string rules_;
};

json rule_named(const json& told, std::string_view name) {
  for (const json& rule : told["rules"]) {
    if (rule["name"] == name) return rule;
  }
  return json::object();
}

TEST_F(TestCommandTest, CountsWhatAHandCounts) {
  const Outcome outcome = try_it({"--json"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const json told = json::parse(outcome.out);
  EXPECT_EQ(told["ham"]["messages"], 4);
  EXPECT_EQ(told["ham"]["refused"], 1);
  EXPECT_EQ(told["spam"]["messages"], 3);
  EXPECT_EQ(told["spam"]["refused"], 2);  // one of them at the threshold itself
  EXPECT_EQ(told["set"]["rules"], 7);
  EXPECT_EQ(told["threshold"], 5);

  const json pills = rule_named(told, "PILLS");
  EXPECT_EQ(pills["ham_hits"], 2);
  EXPECT_EQ(pills["spam_hits"], 2);
  EXPECT_DOUBLE_EQ(pills["ham_share"], 2.0 / 4);
  EXPECT_DOUBLE_EQ(pills["spam_share"], 2.0 / 3);
  EXPECT_DOUBLE_EQ(pills["s_o"], (2.0 / 3) / (2.0 / 3 + 2.0 / 4));
  EXPECT_DOUBLE_EQ(pills["gain"], 3.5 * (2.0 / 3 - 2.0 / 4));
  EXPECT_EQ(rule_named(told, "FRIEND")["s_o"], 0);
  EXPECT_DOUBLE_EQ(rule_named(told, "FRIEND")["gain"], 1);
  EXPECT_LT(rule_named(told, "URGENT")["gain"], 0);  // three of four ham, one of three spam
  EXPECT_EQ(rule_named(told, "__WATCH")["spam_hits"], 3);
  EXPECT_TRUE(rule_named(told, "__WATCH")["score"].is_null());
  EXPECT_TRUE(rule_named(told, "NEVER")["s_o"].is_null());
  EXPECT_EQ(rule_named(told, "NEVER")["runs"], true);
  EXPECT_EQ(rule_named(told, "OFF")["runs"], false);
}

TEST_F(TestCommandTest, BlamesTheRulesThatRefuseHam) {
  const json told = json::parse(try_it({"--json"}).out);
  ASSERT_EQ(told["false_positives"].size(), 1u);
  const json& message = told["false_positives"][0];
  EXPECT_EQ(message["file"], path("ham/deep/3"));
  EXPECT_DOUBLE_EQ(message["score"], 5.5);
  EXPECT_THAT(message["rules"], ElementsAre("PILLS", "URGENT"));
  ASSERT_EQ(told["missed_spam"].size(), 1u);
  EXPECT_EQ(told["missed_spam"][0]["file"], path("spam/3"));
  // At a threshold of 3 the message would be refused without URGENT as well, not without PILLS.
  const json lower = json::parse(try_it({"--json", "--threshold", "3"}).out);
  EXPECT_EQ(lower["false_positives_by_rule"],
            json({{{"name", "PILLS"}, {"score", 3.5}, {"messages", 1}, {"decisive", 1}},
                  {{"name", "URGENT"}, {"score", 2.0}, {"messages", 1}, {"decisive", 0}}}));
}

TEST_F(TestCommandTest, HistogramAndCurve) {
  const json told = json::parse(try_it({"--json"}).out);
  // Ham scores 0, 1.5, 2 and 5.5, spam 0, 5 and 7.
  std::vector<std::array<int, 3>> buckets;
  for (const json& bucket : told["histogram"])
    buckets.push_back({bucket["from"], bucket["ham"], bucket["spam"]});
  EXPECT_EQ(
      buckets,
      (std::vector<std::array<int, 3>>{
          {0, 1, 1}, {1, 1, 0}, {2, 1, 0}, {3, 0, 0}, {4, 0, 0}, {5, 1, 1}, {6, 0, 0}, {7, 0, 1}}));
  for (const json& point : told["curve"]) {
    const double threshold = point["threshold"];
    if (threshold == 2) {
      EXPECT_EQ(point["ham_refused"], 2);
      EXPECT_EQ(point["spam_refused"], 2);
      EXPECT_DOUBLE_EQ(point["precision"], 0.5);
    } else if (threshold == 5.5) {
      EXPECT_EQ(point["ham_refused"], 1);
      EXPECT_DOUBLE_EQ(point["recall"], 1.0 / 3);
    } else if (threshold == 10) {
      EXPECT_EQ(point["recall"], 0);
      EXPECT_TRUE(point["precision"].is_null());
    }
  }
  EXPECT_EQ(told["curve"].front()["threshold"], 1);
  EXPECT_EQ(told["curve"].back()["threshold"], 15);
}

TEST_F(TestCommandTest, TextNamesWhatAnOperatorLooksFor) {
  const Outcome outcome = try_it();
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.err, testing::IsEmpty());  // no progress bar where nobody looks
  EXPECT_THAT(
      outcome.out,
      AllOf(HasSubstr("6 rules and 1 sub-rules"),
            HasSubstr(
                "refused    1 of 4 ham (25.00 %), 2 of 3 spam (66.67 %), at the threshold of 5"),
            HasSubstr("Rules whose score speaks against what they hit"),
            HasSubstr("1 of 6 rules hit nothing (--all lists them); 1 cannot run here"),
            HasSubstr("5.500  " + path("ham/deep/3") + "\n          PILLS 3.5, URGENT 2\n"),
            Not(HasSubstr("__WATCH"))));
  EXPECT_THAT(try_it({"--all"}).out, AllOf(HasSubstr("__WATCH"), HasSubstr("\n  NEVER\n")));
  EXPECT_THAT(try_it({"--rules", "1"}).out, HasSubstr("… 2 more; --all lists them"));
  // With one kind alone nothing is set apart.
  const Outcome ham = run({"test", rules_, "--ham", path("ham")});
  EXPECT_EQ(ham.code, 0);
  EXPECT_THAT(ham.out, AllOf(HasSubstr("the most frequent first"), HasSubstr("4 ham, 0 spam")));
}

TEST_F(TestCommandTest, ThreadsChangeNoFigure) {
  json one = json::parse(try_it({"--json", "--jobs", "1"}).out);
  json many = json::parse(try_it({"--json", "--jobs", "7"}).out);
  for (json* told : {&one, &many}) {
    told->erase("speed");
    told->erase("set");  // compiled twice: what was measured differs
  }
  EXPECT_EQ(one, many);
}

TEST_F(TestCommandTest, HamOverTheLimitIsAnExitCode) {
  EXPECT_EQ(try_it({"--max-false-positives", "1"}).code, 0);
  EXPECT_EQ(try_it({"--max-false-positives", "0"}).code, 1);
  EXPECT_EQ(try_it({"--max-false-positives", "0", "--threshold", "6"}).code, 0);
}

TEST_F(TestCommandTest, WhatCannotBeReadIsNamed) {
  file("ham/empty", "");
  file("ham/notes.txt", "just some words\n\nand more\n");
  std::filesystem::create_symlink("nowhere", directory_ / "ham/dangling");
  const Outcome outcome = try_it({"--json", "--max-false-positives", "0"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr(path("ham/empty") + ": is empty"),
                    HasSubstr(path("ham/notes.txt") + ": does not begin with a header"),
                    HasSubstr(path("ham/dangling") + ": is no file")));
  const json told = json::parse(outcome.out);
  EXPECT_EQ(told["unreadable"].size(), 3u);
  EXPECT_EQ(told["ham"]["messages"], 4);
}

TEST_F(TestCommandTest, AnMboxHoldsManyMessages) {
  const std::string first = mail("c@spam.example", "urgent", "cheap pills");
  const auto second = [](std::string_view quoted) {
    return mail("c@spam.example", "offer", "hello\n\nFrom now on nothing\n" + std::string(quoted));
  };
  const std::string box = file("box", "From c@spam.example Mon Nov 23 02:39:20 2026\n" + first +
                                          "\nFrom c@spam.example Mon Nov 23 02:40:20 2026\n" +
                                          second(">From is quoted"));
  const json told = json::parse(run({"test", rules_, "--spam", box, "--json"}).out);
  // Neither the mbox's lines nor the quoting are the messages' own.
  EXPECT_EQ(told["spam"]["bytes"], first.size() + second("From is quoted").size());
  EXPECT_EQ(told["spam"]["messages"], 2);
  EXPECT_EQ(told["spam"]["refused"], 1);
  EXPECT_EQ(told["missed_spam"][0]["message"], 2);
  EXPECT_TRUE(told["rules"][0]["s_o"].is_null());
}

TEST_F(TestCommandTest, WrongUseSaysWhatIsRight) {
  EXPECT_EQ(run({"test", rules_}).code, 2);
  EXPECT_THAT(run({"test", rules_}).err, HasSubstr("--ham and --spam"));
  const Outcome absent = run({"test", path("absent.psig"), "--ham", path("ham")});
  EXPECT_EQ(absent.code, 2);
  EXPECT_THAT(absent.err, HasSubstr("absent.psig"));
  const Outcome nowhere = run({"test", rules_, "--ham", path("nowhere")});
  EXPECT_EQ(nowhere.code, 2);
  EXPECT_THAT(nowhere.err, AllOf(HasSubstr(path("nowhere")), HasSubstr("no message was found")));
  const Outcome wrong = run({"test", file("wrong.cf", "body X /(/\n"), "--ham", path("ham")});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("wrong.cf:1"));
}

}  // namespace
}  // namespace postern::cli
