// What is found out of a message is only what its score asks for, and comes to the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "dataplane/scan/message_file.h"
#include "dataplane/scan/scanner.h"
#include "dataplane/scan/testing/rule_scan.h"

namespace postern::scan {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Sub-rules of each kind: factored, without factors, counted, negated, of every target.
constexpr std::string_view kAskedRules = R"(
body __APPLE /apple pie/
body __PEAR /\bpears?\b.{0,20}ripe/
body __WORDS /(?:\b[a-z]{4,8}\s){3}/
body __COUNTED /plum cake/
tflags __COUNTED multiple
body __FEW /plum (?=jam)/
tflags __FEW multiple maxhits=2
body __NOT_SUBJECT /apple pie/
tflags __NOT_SUBJECT nosubject
body __BACK /(\w)\w\1 tart/
rawbody __RAW /<b>apple/
rawbody __LONG /[a-z ]{40}/
uri __LINK /orchard\.example\/[a-z]+/
header __SUBJECT Subject =~ /apple/
header __NO_PIE Subject !~ /pie/
header __NO_TREE X-Tree !~ /pie/
header __ALL ALL =~ /^x-fruit: apple pie$/im
header __TO To:addr =~ /pear\@/
full __FULL /apple pie.{1,200}plum cake/s
meta __INNER __APPLE && (__PEAR || __COUNTED > 1)
meta __SUM __APPLE + __COUNTED + __FEW
meta AND __APPLE && __PEAR
meta OR __PEAR || __RAW || __TO
meta NEGATED !__APPLE && __NO_PIE
meta SUM (__APPLE + __PEAR + __RAW + __LINK + __SUBJECT) > 2
meta MANY __COUNTED > 3
meta FEW __FEW >= 2 && !__LONG
meta SAME __COUNTED == __FEW
meta NESTED __INNER && !__NO_TREE
meta NESTED_TOO __INNER || __SUM > 4
meta WORDS __WORDS && __LINK
meta FULL __FULL && __NO_PIE
meta ALL_OF __ALL && __NOT_SUBJECT
meta BACK __BACK && !__APPLE
meta NONE !__APPLE && !__PEAR && !__WORDS
meta SHARE __COUNTED / (__FEW + 1) > 1
meta CHAIN OR && !SUM
body PLAIN /plum cake and/
)";

std::string random_message(std::mt19937& random) {
  const auto pick = [&](auto... choices) {
    const char* all[] = {choices...};
    return std::string(all[random() % std::size(all)]);
  };
  const auto text = [&](size_t lines) {
    std::string out;
    for (size_t i = 0; i < lines; ++i) {
      for (size_t k = random() % 8; k > 0; --k) {
        out += pick("apple pie", "pear", "ripe", "plum cake", "plum jam", "ana tart", "<b>apple",
                    "http://orchard.example/tree", "and", "cake", "zz", "orchards growing") +
               " ";
      }
      out += pick("\r\n", "\r\n", "\r\n\r\n");
    }
    return out;
  };
  std::string message = "Subject: " + pick("apple", "apple pie", "plum cake and", "none") + "\r\n";
  message += pick("X-Fruit: apple pie\r\n", "X-Tree: pie\r\n", "");
  message += pick("To: pear@orchard.example\r\n", "To: plum@orchard.example\r\n", "");
  // The long ones do not fit the buffers at once.
  return message + "\r\n" + text(random() % 20 == 0 ? 4000 : random() % 12);
}

struct Answer {
  std::vector<uint32_t> rules;
  double score;
};

Answer answer(const ScanResult& result) {
  return {{result.rules.begin(), result.rules.end()}, result.score};
}

TEST(Asked, the_score_is_the_same_whatever_is_asked) {
  std::mt19937 random(5);
  for (const auto factoring :
       {compile::Factoring::kNever, compile::Factoring::kByCost, compile::Factoring::kAlways}) {
    const auto set = testing::compile_rules(kAskedRules, factoring);
    MessageScan::Scratch scratch;
    ASSERT_TRUE(scratch.prepare(*set));
    MessageScan scan{{}};
    std::vector<int> hits(set->rule_count());
    for (int round = 0; round < 200; ++round) {
      const std::string message = random_message(random);
      const std::span octets(reinterpret_cast<const uint8_t*>(message.data()), message.size());
      const Answer all = answer(scan_message(scan, set, scratch, octets, {}, Asked::kAllRules));
      const Answer score = answer(scan_message(scan, set, scratch, octets));
      ASSERT_EQ(score.rules, all.rules) << message;
      ASSERT_EQ(score.score, all.score) << message;
      for (const uint32_t rule : all.rules) ++hits[rule];
    }
    // It is no test of rules that are never hit, or always.
    for (uint32_t rule = 0; rule < set->rule_count(); ++rule) {
      if (set->rule_name(rule).starts_with("__")) continue;
      EXPECT_GT(hits[rule], 0) << set->rule_name(rule);
      EXPECT_LT(hits[rule], 200) << set->rule_name(rule);
    }
  }
}

// PCRE2 gives up on the sub-rule; who does not ask does not know.
TEST(Asked, what_is_not_asked_is_not_looked_for) {
  const auto set = testing::compile_rules(R"(
body __DEAR /(?:a+)+(?:a+)+\d(?<=x\d)/
body __OTHER /never there/
meta BOTH __DEAR && __OTHER
)",
                                          compile::Factoring::kAlways);
  MessageScan::Scratch scratch;
  ASSERT_TRUE(scratch.prepare(*set));
  MessageScan scan{{}};
  const std::string message = "Subject: x\r\n\r\n" + std::string(60, 'a') + "1\r\n";
  const std::span octets(reinterpret_cast<const uint8_t*>(message.data()), message.size());
  EXPECT_EQ(scan_message(scan, set, scratch, octets, {}, Asked::kAllRules).confirmations_cut, 1U);
  EXPECT_EQ(scan_message(scan, set, scratch, octets).confirmations_cut, 0U);
}

}  // namespace
}  // namespace postern::scan
