#include "control/server/shadow_comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::server {
namespace {

channel::v1::Event event(double score, double shadow_score, std::vector<std::string> rules,
                         std::vector<std::string> shadow_rules) {
  channel::v1::Event out;
  out.set_signature_set("a");
  out.set_shadow_set("b");
  out.set_threshold(5);
  out.set_score(score);
  out.set_shadow_score(shadow_score);
  for (const auto& rule : rules) out.add_rules(rule);
  for (const auto& rule : shadow_rules) out.add_shadow_rules(rule);
  return out;
}

TEST(ShadowComparison, CountsWhatBothSetsWouldDo) {
  ShadowComparison comparison(2);
  comparison.add(event(5, 6, {"X"}, {"X", "Y"}));
  for (int i = 0; i < 3; ++i) comparison.add(event(4.9, 5, {}, {"Y"}));
  comparison.add(event(7, 0, {"X", "Z"}, {"Z"}));
  comparison.add(event(0, 1, {}, {}));
  auto failed = event(9, 0, {"X"}, {});
  failed.set_shadow_failed(true);
  comparison.add(failed);
  channel::v1::CompareShadowReply reply;
  comparison.write(&reply);
  EXPECT_EQ(reply.events(), 7u);
  ASSERT_EQ(reply.comparisons_size(), 1);
  const auto& pair = reply.comparisons(0);
  EXPECT_EQ(pair.refused_by_both(), 1u);
  EXPECT_EQ(pair.only_shadow_refuses(), 3u);
  EXPECT_EQ(pair.only_set_refuses(), 1u);
  EXPECT_EQ(pair.forwarded_by_both(), 1u);
  EXPECT_EQ(pair.failed(), 1u);
  EXPECT_EQ(pair.changes_size(), 2);  // as many examples as were asked for
  // Z hits the same messages: nothing to tell.
  ASSERT_EQ(pair.rules_size(), 2);
  EXPECT_EQ(pair.rules(0).rule(), "Y");
  EXPECT_EQ(pair.rules(0).gained(), 4u);
  EXPECT_EQ(pair.rules(0).shadow_hits(), 4u);
  EXPECT_EQ(pair.rules(1).rule(), "X");
  EXPECT_EQ(pair.rules(1).lost(), 1u);
  EXPECT_EQ(pair.rules(1).set_hits(), 2u);
}

TEST(ShadowComparison, PairsOfSetsAreApart) {
  ShadowComparison comparison(10);
  comparison.add(event(6, 6, {}, {}));
  auto other = event(0, 6, {}, {});
  other.set_shadow_set("c");
  comparison.add(other);
  channel::v1::CompareShadowReply reply;
  comparison.write(&reply);
  ASSERT_EQ(reply.comparisons_size(), 2);
  EXPECT_EQ(reply.comparisons(0).refused_by_both(), 1u);
  EXPECT_EQ(reply.comparisons(1).only_shadow_refuses(), 1u);
  EXPECT_EQ(reply.comparisons(1).shadow(), "c");
}

}  // namespace
}  // namespace postern::server
