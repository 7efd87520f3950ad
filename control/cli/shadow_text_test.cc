#include "control/cli/shadow_text.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include "base/case_reference.h"

namespace postern::cli {
namespace {

using namespace channel::v1;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// Ten messages that both sets saw, and one that the shadow failed at. Three would change, of which
// two are listed.
CompareShadowReply comparison() {
  CompareShadowReply reply;
  reply.set_events(11);
  ShadowComparison& pair = *reply.add_comparisons();
  pair.set_set("0123456789abcdef0123456789abcdef");
  pair.set_shadow("fedcba9876543210fedcba9876543210");
  pair.set_refused_by_both(3);
  pair.set_forwarded_by_both(4);
  pair.set_only_set_refuses(2);
  pair.set_only_shadow_refuses(1);
  pair.set_failed(1);
  Event& gained = *pair.add_changes();
  gained.set_wall_us(1'700'000'000'000'000);
  gained.set_client("192.0.2.7");
  gained.set_mail_from("bob@example.com");
  gained.set_subject("You \x1b[31mwon");
  gained.set_outcome("forwarded");
  gained.set_score(4.996);
  gained.set_shadow_score(5);
  gained.set_threshold(5);
  gained.add_rules("OLD");
  gained.add_shadow_rules("NEW");
  Event& lost = *pair.add_changes();
  lost.set_wall_us(1'700'000'000'000'000);
  lost.set_case_reference(CaseReference::parse("7F3A00KX1M")->number);
  lost.set_client("2001:db8::7");
  lost.set_outcome("refused_content");
  lost.set_score(7.5);
  lost.set_shadow_score(-0.5);
  lost.set_threshold(5);
  ShadowRuleCount& rule = *pair.add_rules();
  rule.set_rule("NEW");
  rule.set_set_hits(1);
  rule.set_shadow_hits(4);
  rule.set_gained(5);
  rule.set_lost(2);
  return reply;
}

class ShadowTextTest : public testing::Test {
 protected:
  ShadowTextTest() {
    setenv("TZ", "UTC", 1);
    tzset();
  }
};

TEST_F(ShadowTextTest, ShowsWhatWouldChange) {
  EXPECT_EQ(
      shadow_text(comparison()),
      "set 0123456789abcdef against shadow fedcba9876543210\n"
      "                shadow refuses  shadow forwards\n"
      "  set refuses   3               2\n"
      "  set forwards  1               4\n"
      "  scans of the shadow that failed, counted nowhere else: 1\n"
      "\n"
      "  messages that would change, newest first\n"
      "  time                 case        client       score  shadow  would be   subject\n"
      "  2023-11-14 22:13:20  -           192.0.2.7    4.996  5.000   refused    You \\x1b[31mwon\n"
      "  2023-11-14 22:13:20  7F3A00KX1M  2001:db8::7  7.500  -0.500  forwarded\n"
      "  … 1 more (--examples says how many are listed)\n"
      "\n"
      "  rules that hit other messages\n"
      "  rule  set  shadow  more  fewer\n"
      "  NEW   1    4       +5    -2\n");
}

TEST_F(ShadowTextTest, SaysHowToGetAShadow) {
  EXPECT_THAT(shadow_text({}), HasSubstr("postern signatures load SET --shadow"));
}

TEST_F(ShadowTextTest, NamesThatThereWasNoSetAndKeepsPairsApart) {
  CompareShadowReply reply = comparison();
  ShadowComparison& other = *reply.add_comparisons();
  other.set_shadow("abcd");
  other.set_forwarded_by_both(1);
  const std::string text = shadow_text(reply);
  EXPECT_THAT(text, HasSubstr("-2\n\nset none against shadow abcd\n"));
  // Where nothing changes there is nothing to list.
  EXPECT_THAT(text.substr(text.find("set none")),
              AllOf(Not(HasSubstr("would change")), Not(HasSubstr("rules that")),
                    Not(HasSubstr("failed")), Not(HasSubstr("more"))));
}

TEST_F(ShadowTextTest, ListsTwentyRulesAndSaysHowManyMore) {
  CompareShadowReply reply = comparison();
  auto& rules = *reply.mutable_comparisons(0)->mutable_rules();
  while (rules.size() < 23) {
    rules.Add()->set_rule("R" + std::to_string(rules.size()));
  }
  const std::string text = shadow_text(reply);
  EXPECT_THAT(text, AllOf(HasSubstr("  R20 "), Not(HasSubstr("R21")),
                          HasSubstr("  … 3 more (--json lists them)\n")));
  EXPECT_EQ(shadow_json(reply)["comparisons"][0]["rules"].size(), 23u);
}

TEST_F(ShadowTextTest, JsonHasEverything) {
  using nlohmann::ordered_json;
  const ordered_json told = shadow_json(comparison());
  EXPECT_EQ(told["messages"], 11);
  ASSERT_EQ(told["comparisons"].size(), 1u);
  ordered_json pair = told["comparisons"][0];
  const ordered_json changes = pair["changes"];
  pair.erase("changes");
  EXPECT_EQ(pair, ordered_json({{"set", "0123456789abcdef0123456789abcdef"},
                                {"shadow", "fedcba9876543210fedcba9876543210"},
                                {"refused_by_both", 3},
                                {"forwarded_by_both", 4},
                                {"only_set_refuses", 2},
                                {"only_shadow_refuses", 1},
                                {"failed", 1},
                                {"rules",
                                 {{{"rule", "NEW"},
                                   {"set_hits", 1},
                                   {"shadow_hits", 4},
                                   {"gained", 5},
                                   {"lost", 2}}}}}));
  EXPECT_EQ(changes[0], ordered_json({{"timestamp", "2023-11-14T22:13:20Z"},
                                      {"case", nullptr},
                                      {"client", "192.0.2.7"},
                                      {"mail_from", "bob@example.com"},
                                      {"subject", "You \x1b[31mwon"},
                                      {"outcome", "forwarded"},
                                      {"score", 4.996},
                                      {"shadow_score", 5.0},
                                      {"threshold", 5.0},
                                      {"rules", {"OLD"}},
                                      {"shadow_rules", {"NEW"}}}));
  EXPECT_EQ(changes[1]["case"], "7F3A00KX1M");
  EXPECT_EQ(shadow_json({})["comparisons"], ordered_json::array());
}

}  // namespace
}  // namespace postern::cli
