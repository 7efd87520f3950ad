#include "patterns/language/review.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "patterns/language/reader.h"

namespace postern::language {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "kind rule", in order.
std::vector<std::string> remarks(std::string_view text) {
  Reader reader;
  reader.read_text("test.cf", text);
  const auto set = reader.finish();
  if (!set) return {set.error().front().to_string()};
  std::vector<std::string> out;
  for (const Remark& remark : review(*set)) {
    out.push_back(std::string(kRemarkKindNames[static_cast<size_t>(remark.kind)]) + " " +
                  remark.rule);
  }
  return out;
}

TEST(Review, what_the_value_or_the_paragraph_does_not_hold_never_matches) {
  EXPECT_THAT(remarks("header A Subject =~ /^Subject: win/i\n"
                      "header B Subject !~ /^subject:/\n"
                      "header C Subject =~ /^Subject matters/\n"
                      "header D ALL =~ /^Subject: win/m\n"
                      "body E /first line\\nsecond/\n"
                      "body F /first\\n?/\n"
                      "body G /first\\ns*x/\n"
                      "rawbody H /first\\nsecond/\n"
                      "body I /first\\\\nsecond/\n"),
              ElementsAre("never_matches A", "always_matches B", "never_matches E"));
  EXPECT_THAT(remarks("body A //\n"), ElementsAre("always_matches A"));
}

// Their expressions are empty, and nobody asks them.
TEST(Review, functions_are_no_expressions) {
  EXPECT_THAT(remarks("body A eval:html_image_ratio('0.000', '0.002')\n"
                      "body B eval:check_for_mime_html()\n"
                      "header C exists:X-Mailer\n"),
              IsEmpty());
}

TEST(Review, ordinary_rules_get_no_remark) {
  EXPECT_THAT(remarks(R"(
body A /viagra/i
body B /^$/
body C /^a.*b$/
body D /costs \$5/
body E /a$|^b/
body F /(?:a|b)+c/
body G /(?:a++b)+c/
body H /x$\n/m
body I /[$]a[^b]c/
body J /(?:x{1,9}y)+z/
header K Subject =~ /^\s*$/
header L Subject !~ /x/
meta M A && B
)"),
              IsEmpty());
}

TEST(Review, what_never_or_always_hits) {
  EXPECT_THAT(remarks(R"(
body A /costs $5/
body B /end$of/
body C /a^b/
body D /a*/
body E /(?:x|y)?/
header F Subject !~ /z*/
header G Subject !~ /z$z/
meta H (0)
meta I 1
)"),
              ElementsAre("never_matches A", "never_matches B", "never_matches C",
                          "always_matches D", "always_matches E", "never_matches F",
                          "always_matches G", "never_matches H", "always_matches I"));
}

TEST(Review, what_is_dear_twice_or_not_run) {
  EXPECT_THAT(remarks(R"(
body A /(a+)+b/
body B /(?:x[+)]*)*y/
body C /.*foo/
body D /foo/
body E /foo/
body F /foo/i
rawbody G /foo/
header H To =~ /foo/
header I Cc =~ /foo/
header J To =~ /foo/
body K eval:check_it()
)"),
              ElementsAre("dear A", "dear B", "dear C", "duplicate E", "duplicate J", "not_run K"));
}

}  // namespace
}  // namespace postern::language
