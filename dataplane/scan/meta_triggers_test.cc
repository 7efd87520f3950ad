#include "dataplane/scan/meta_triggers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "dataplane/scan/meta_bounds.h"
#include "dataplane/scan/testing/meta_of.h"

namespace postern::scan {
namespace {

using ::testing::ElementsAre;
using testing::meta_of;
using ::testing::Optional;

constexpr uint32_t kRuleCount = 4;  // A, B, C, D; then the meta

std::optional<std::vector<uint32_t>> triggers(const std::string& expression) {
  return meta_triggers(meta_of(expression), std::vector<double>{1, 2, 3, 4, 1});
}

TEST(MetaTriggers, a_conjunction_waits_for_its_rarest_side) {
  EXPECT_THAT(triggers("B && A && C"), Optional(ElementsAre(0)));
  EXPECT_THAT(triggers("(A || B) && D"), Optional(ElementsAre(0, 1)));
  EXPECT_THAT(triggers("D && !A"), Optional(ElementsAre(3)));
}

TEST(MetaTriggers, a_sum_waits_for_all_terms) {
  EXPECT_THAT(triggers("(A + B + C) >= 2"), Optional(ElementsAre(0, 1, 2)));
  EXPECT_THAT(triggers("(A + B > 1) && (C || D)"), Optional(ElementsAre(0, 1)));
}

TEST(MetaTriggers, what_may_hit_without_any_waits_for_none) {
  EXPECT_EQ(triggers("!A"), std::nullopt);
  EXPECT_EQ(triggers("A < 1"), std::nullopt);
  EXPECT_EQ(triggers("A + B <= 1"), std::nullopt);
  EXPECT_EQ(triggers("1"), std::nullopt);
}

// By exhaustion: whenever a meta is not 0, one of its triggers is not.
TEST(MetaTriggers, a_meta_is_zero_without_its_triggers) {
  std::mt19937 random(7);
  const auto pick = [&](auto... choices) {
    const char* all[] = {choices...};
    return std::string(all[random() % std::size(all)]);
  };
  for (int round = 0; round < 2000; ++round) {
    const auto term = [&] { return pick("A", "B", "C", "D", "!A", "!B", "(A + B)", "2", "0"); };
    const auto op = [&] {
      return " " + pick("&&", "||", "+", "-", "*", "/", ">", "<", ">=", "<=", "==", "!=") + " ";
    };
    const std::string expression =
        "((" + term() + op() + term() + ")" + op() + "(" + term() + op() + term() + "))";
    const artefact::Meta meta = meta_of(expression);
    const auto found = meta_triggers(meta, std::vector<double>{1, 2, 3, 4, 1});
    if (!found) continue;
    for (uint32_t hits = 0; hits < 1U << kRuleCount; ++hits) {
      std::vector<Bounds> values(kRuleCount + 1);
      bool triggered = false;
      for (uint32_t rule = 0; rule < kRuleCount; ++rule)
        values[rule] = Bounds::of(hits >> rule & 1);
      for (const uint32_t rule : *found) triggered |= values[rule].nonzero;
      if (triggered) continue;
      ASSERT_TRUE(bounds_of(meta, values, {}).value.is_zero()) << expression << " of " << hits;
    }
  }
}

}  // namespace
}  // namespace postern::scan
