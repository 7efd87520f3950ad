// Factored expressions hit what the same expressions hit by Hyperscan and PCRE2 alone.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "dataplane/scan/testing/rule_scan.h"

namespace postern::scan {
namespace {

using compile::Factoring;

constexpr const char* kFactoredRules = R"(
body WORD /viagra/i
body EDGE /\bfree\b/
body FUZZY /c[i1!|\xc3\xa9]+al[i1!|]s/i
body GAPS /v\W{0,3}i\W{0,3}a\W{0,3}g/i
body CHOICE /(?:mil+ion|bil+ion) (?:us )?dollars?/i
body START /^hello/
body END /please$/
body AHEAD /money(?! back)/
body BEHIND /(?<!no )obligation/
body BACK /(\w)\1{2}/
body FIELDS /(?:(?:name|address|phone)\s*[:;]\s*){2}/i
body COUNTED /click/i
tflags COUNTED multiple
body NOSUBJECT /urgent/i
tflags NOSUBJECT nosubject
body HIGH /[\xd0\xd1][\x80-\xbf]{1,2}\xd0/
body LONG /dear.{1,40}friend/i
meta MANY_CLICKS COUNTED > 2
rawbody TAG /<a\s[^>]*href/i
uri PATH /\/track\.php\?id=\d+/
header SUBJECT Subject =~ /re:.*urgent/i
header NOT_FROM From !~ /example/
full WHOLE /Subject: .{0,20}free/
)";

// Pieces of what the rules match, and of what nearly does.
constexpr const char* kPieces[] = {"viagra",
                                   "VIAGRA",
                                   "v i-a.g",
                                   "via",
                                   "gra",
                                   "free",
                                   "freedom",
                                   "c1al!s",
                                   "cial\xc3\xa9s",
                                   "million",
                                   "billlion",
                                   " dollars",
                                   " us dollar",
                                   "hello",
                                   "please",
                                   "money",
                                   "money back",
                                   "no obligation",
                                   "obligation",
                                   "aaa",
                                   "name:",
                                   " address ;",
                                   "phone",
                                   " : ",
                                   "click ",
                                   "Click",
                                   "urgent",
                                   "\xd0\xb0\xd0\xb1",
                                   "\xd1\x80",
                                   "dear ",
                                   "friend",
                                   " my ",
                                   "<a href='x'>",
                                   "<a\n href",
                                   "http://x.example/track.php?id=12",
                                   "\n",
                                   " ",
                                   ". ",
                                   "-",
                                   "1",
                                   "e",
                                   "\xc3\xa9"};

class Random {
 public:
  explicit Random(uint32_t seed) : random_(seed) {}
  std::string text(size_t pieces) {
    std::string out;
    for (size_t i = 0; i < pieces; ++i) {
      out += kPieces[random_() % std::size(kPieces)];
      if (random_() % 3 == 0) out += ' ';
    }
    return out;
  }
  uint32_t upto(uint32_t most) { return random_() % (most + 1); }

 private:
  std::mt19937 random_;
};

std::set<std::string> hits(testing::RuleScan& scan, uint32_t seed) {
  Random random(seed);
  const std::string subject = random.text(random.upto(4));
  scan.header("Subject", subject).header("From", random.upto(1) ? "a@example.com" : "b@x.test");
  scan.body(subject);
  for (uint32_t i = random.upto(6); i > 0; --i) scan.body(random.text(random.upto(12)));
  for (uint32_t i = random.upto(3); i > 0; --i) scan.rawbody(random.text(random.upto(12)) + "\n");
  for (uint32_t i = random.upto(2); i > 0; --i) scan.uri(random.text(2));
  scan.full("Subject: " + subject + "\n\n" + random.text(random.upto(9)));
  return scan.hits();
}

TEST(Factored, hits_are_those_of_hyperscan_and_pcre2) {
  testing::RuleScan plain(kFactoredRules, Factoring::kNever);
  testing::RuleScan factored(kFactoredRules, Factoring::kAlways);
  size_t hit = 0;
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    const auto expected = hits(plain, seed);
    hit += expected.size();
    ASSERT_EQ(hits(factored, seed), expected) << "seed " << seed;
  }
  EXPECT_GT(hit, 3000u);
}

TEST(Factored, expressions_are_factored_there) {
  testing::RuleScan factored(kFactoredRules, Factoring::kAlways);
  size_t count = 0;
  for (const auto& expression : factored.compiled().expressions) {
    count += expression.kind == artefact::ExpressionClass::kFactored;
  }
  EXPECT_GE(count, 15u);
}

// More places than are noted down, and more symbols than are numbered.
TEST(Factored, a_match_is_found_behind_any_number_of_false_starts) {
  testing::RuleScan factored("full F /viag[0-9]/\n", Factoring::kAlways);
  std::string text;
  for (int i = 0; i < 40'000; ++i) text += "viagx ";
  factored.full(text);
  EXPECT_EQ(factored.hits(), std::set<std::string>{});
  factored.full(text + "viag7" + text);
  EXPECT_EQ(factored.hits(), std::set<std::string>{"F"});
}

}  // namespace
}  // namespace postern::scan
