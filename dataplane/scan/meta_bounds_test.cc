#include "dataplane/scan/meta_bounds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "dataplane/scan/testing/meta_of.h"

namespace postern::scan {
namespace {

using artefact::kNone;
using testing::meta_of;

constexpr uint32_t kRuleCount = 4;  // A, B, C, D; then the meta
const std::vector<float> kPrices{4, 3, 2, 1, 1};
const Bounds kMaybe = Bounds::between(0, 1);
const Bounds kYes = Bounds::of(1);
const Bounds kNo = Bounds::of(0);

MetaBounds bounds(const std::string& expression, std::vector<Bounds> rules) {
  rules.resize(kRuleCount + 1);
  return bounds_of(meta_of(expression), rules, kPrices);
}

void expect_known(const MetaBounds& found, double value) {
  EXPECT_FALSE(found.value.open);
  EXPECT_EQ(found.value.least, value);
  EXPECT_EQ(found.ask, kNone);
}

TEST(MetaBounds, what_cannot_matter_is_not_asked) {
  expect_known(bounds("A && B", {kMaybe, kNo}), 0);
  expect_known(bounds("A && !B", {kMaybe, kYes}), 0);
  expect_known(bounds("A || B", {kYes, kMaybe}), 1);
  expect_known(bounds("(A + B + C) > 2", {kMaybe, kYes, kNo}), 0);
  expect_known(bounds("(A + B + C) >= 2", {kMaybe, kYes, kYes}), 1);
  expect_known(bounds("A * B", {kMaybe, kNo}), 0);
  expect_known(bounds("A / B", {kYes, kNo}), 0);
}

TEST(MetaBounds, the_cheapest_rule_that_matters_is_asked) {
  EXPECT_EQ(bounds("A && B && C", {kMaybe, kMaybe, kMaybe}).ask, 2U);
  EXPECT_EQ(bounds("A && B && D", {kMaybe, kMaybe, kNo, kYes}).ask, 1U);
  // D is cheapest, but changes nothing.
  EXPECT_EQ(bounds("A && (C || D)", {kMaybe, kNo, kYes, kMaybe}).ask, 0U);
  EXPECT_EQ(bounds("(A && D) || (B && C)", {kNo, kMaybe, kMaybe, kMaybe}).ask, 2U);
}

TEST(MetaBounds, a_value_may_be_nonzero_before_it_is_known) {
  const MetaBounds found = bounds("A || B", {kMaybe, kYes});
  EXPECT_TRUE(found.value.open);
  EXPECT_TRUE(found.value.nonzero);
  EXPECT_EQ(found.ask, 0U);
  EXPECT_TRUE(bounds("A + B", {kMaybe, kYes}).value.nonzero);
}

TEST(MetaBounds, a_count_without_an_end) {
  const Bounds many = Bounds::between(0, INFINITY);
  const Bounds twenty = Bounds::between(20, INFINITY);
  EXPECT_EQ(bounds("A > 20", {twenty}).ask, 0U);
  expect_known(bounds("A >= 20", {twenty}), 1);
  expect_known(bounds("A < 20", {twenty}), 0);
  EXPECT_EQ(bounds("A > (B * 14 / 10)", {twenty, many}).ask, 1U);
}

// The values that rules can take while nothing is known of them.
std::vector<double> values_within(const Bounds& bounds) {
  if (!bounds.open) return {bounds.least};
  std::vector<double> out;
  for (double value = bounds.least; value <= bounds.most; ++value) out.push_back(value);
  return out;
}

// By exhaustion: what is said of a value holds for all that the open rules can be, and asking leads
// to an end.
TEST(MetaBounds, bounds_hold_whatever_the_open_rules_are) {
  std::mt19937 random(11);
  const auto pick = [&](auto... choices) {
    const char* all[] = {choices...};
    return std::string(all[random() % std::size(all)]);
  };
  int undecided = 0, decided = 0;
  for (int round = 0; round < 1500; ++round) {
    const auto term = [&] { return pick("A", "B", "C", "D", "!A", "-B", "(A + B)", "2", "0"); };
    const auto op = [&] {
      return " " + pick("&&", "||", "+", "-", "*", "/", ">", "<", ">=", "<=", "==", "!=", "^") +
             " ";
    };
    const std::string expression =
        "((" + term() + op() + term() + ")" + op() + "(" + term() + op() + term() + "))";
    const artefact::Meta meta = meta_of(expression);
    std::vector<Bounds> rules(kRuleCount + 1);
    for (uint32_t i = 0; i < kRuleCount; ++i) {
      const Bounds choices[] = {kNo, kYes, kMaybe, Bounds::between(0, 3), Bounds::between(1, 2)};
      rules[i] = choices[random() % std::size(choices)];
    }
    const MetaBounds found = bounds_of(meta, rules, kPrices);
    ++(found.value.open ? undecided : decided);
    ASSERT_EQ(found.value.open, found.ask != kNone) << expression;
    if (found.value.open) {
      ASSERT_LT(found.ask, kRuleCount) << expression;
      ASSERT_TRUE(rules[found.ask].open) << expression;
    }
    for (const double a : values_within(rules[0])) {
      for (const double b : values_within(rules[1])) {
        for (const double c : values_within(rules[2])) {
          for (const double d : values_within(rules[3])) {
            const std::vector<Bounds> all{Bounds::of(a), Bounds::of(b), Bounds::of(c),
                                          Bounds::of(d), Bounds::of(0)};
            const MetaBounds exact = bounds_of(meta, all, kPrices);
            ASSERT_FALSE(exact.value.open) << expression;
            ASSERT_LE(found.value.least, exact.value.least) << expression;
            ASSERT_GE(found.value.most, exact.value.least) << expression;
            if (found.value.nonzero) {
              ASSERT_NE(exact.value.least, 0) << expression;
            }
          }
        }
      }
    }
  }
  EXPECT_GT(undecided, 100);
  EXPECT_GT(decided, 100);
}

}  // namespace
}  // namespace postern::scan
