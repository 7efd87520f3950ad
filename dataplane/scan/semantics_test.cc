// What rules mean. The expectations are what SpamAssassin 4.0.1 itself says of the same rules and
// messages, asked through Mail::SpamAssassin, unless a comment says otherwise.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "dataplane/scan/testing/rule_scan.h"

namespace postern::scan {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::RuleScan;

// Subject: hello / To: a@x.example / To: Bob <b@x.example> / From: <f@x.example>
void tell_small_message(RuleScan& scan) {
  scan.header("Subject", "hello").header("To", "a@x.example");
  scan.header("To", "Bob <b@x.example>").header("From", "<f@x.example>");
  scan.body("hello").body("foo bar").body("next ");
  scan.rawbody("foo\n").rawbody("bar\n").rawbody("\n").rawbody("next\n");
}

TEST(Semantics, header_values) {
  RuleScan scan(R"(
header H1 Subject !~ /zz/
header H2 X-None !~ /zz/
header H3 X-None =~ /^$/
header H4 X-None =~ /un/ [if-unset: unset]
header H5 Subject =~ /hello$/
header H6 Subject =~ /hello\n$/
header H7 Subject:raw =~ /^ hello/
header H8 To:addr =~ /^b\@x/m
header H9 To =~ /a\@x.*\n.*b\@x/
header H10 exists:X-None
header H11 ALL =~ /^Subject: hello\nTo/m
header H12 exists:Subject
header H13 To:first =~ /b\@x/
header H14 To:last =~ /b\@x/
header H15 ToCc =~ /b\@x/
header H16 To:name =~ /^Bob$/
header H17 Subject !~ /hell/
header H18 subject =~ /HELLO/i
)");
  tell_small_message(scan);
  EXPECT_THAT(scan.hits(), ElementsAre("H1", "H11", "H12", "H14", "H15", "H16", "H18", "H2", "H3",
                                       "H4", "H5", "H6", "H7", "H8", "H9"));
}

TEST(Semantics, body_is_matched_a_paragraph_at_a_time) {
  RuleScan scan(R"(
body B1 /^hello$/
body B2 /foo bar\n/
body B3 /bar$/
body B4 /foo\sbar/
body B5 /bar\s+next/
body B6 /next\s$/
body B7 /next $/
body B8 /next\n/
tflags B9 nosubject
body B9 /hello/
body B10 /bar\W+next/
body B11 /bar[^z]+next/
body B12 /bar.+next/s
body B13 /\Afoo/
body B14 /bar\z/
body B15 /bar\Z/
body B16 /(?<!o) bar/
body B17 /^next/
)");
  tell_small_message(scan);
  EXPECT_THAT(scan.hits(), ElementsAre("B1", "B13", "B15", "B17", "B2", "B3", "B4", "B6", "B7"));
}

// Targets of our own, as dataplane/scan/scanner.h and mime/render.h describe them.
TEST(Semantics, targets_beyond_spamassassins) {
  RuleScan scan(R"(
helo E1 /^localhost$/
mail_from E2 /^$/
mail_from E3 /@bank\.example$/
rcpt_to E4 /^b\@x/
rcpt_to E5 /a\@x.*b\@x/s
auth_user E6 /^bob$/
hidden T1 /^secret$/
body T2 /secret/
skeleton T3 /viagra/
uri_domain T4 /^bad\.example$/
meta M1 (E3 && T3)
)");
  using enum language::Target;
  scan.envelope(kHelo, "localhost").envelope(kMailFrom, "info@bank.example");
  scan.envelope(kRcptTo, "a@x.example").envelope(kRcptTo, "b@x.example");
  scan.envelope(kAuthUser, "bobby");
  scan.renderings().hidden("secret");
  scan.renderings().skeleton("buy viagra now");
  scan.renderings().link(
      {.uri = "http://www.bad.example/x", .host = "www.bad.example", .domain = "bad.example"});
  EXPECT_THAT(scan.hits(), ElementsAre("E1", "E3", "E4", "M1", "T1", "T3", "T4"));
  scan.envelope(kMailFrom, "").envelope(kAuthUser, "bob");
  EXPECT_THAT(scan.hits(), ElementsAre("E2", "E6"));
}

TEST(Semantics, envelope_is_each_element_with_its_name) {
  RuleScan scan(R"(
envelope V1 /^helo: localhost$/
envelope V2 /^mail_from: $/
envelope __V3 /^rcpt_to: /
tflags __V3 multiple
meta TWO __V3 == 2
envelope V4 /^(?:mail_from|rcpt_to): .*\@bank\.example$/
envelope V5 /localhost.*rcpt_to/s
)");
  using enum language::Target;
  scan.envelope(kHelo, "localhost").envelope(kMailFrom, "");
  scan.envelope(kRcptTo, "a@x.example").envelope(kRcptTo, "b@bank.example");
  EXPECT_THAT(scan.hits(), ElementsAre("TWO", "V1", "V2", "V4", "__V3"));
}

// As Mail::SpamAssassin::Plugin::MIMEHeader: each part by itself, of several fields the last, an
// absent one is its stand-in or empty, `!~` when no part matches.
TEST(Semantics, headers_of_mime_parts) {
  RuleScan scan(R"(
mimeheader P1 Content-Type =~ /^image.gif; name="x"$/
mimeheader P2 Content-Type:raw =~ /^image.gif;\n name="x"$/
mimeheader P3 Content-Type =~ /mixed.*gif/s
mimeheader P4 Content-Type !~ /gif/
mimeheader P5 Content-Type !~ /pdf/
mimeheader P6 Content-ID =~ /^$/
mimeheader P7 Content-ID =~ /^none$/ [if-unset: none]
mimeheader P8 Content-Type =~ /^$/
mimeheader __P9 Content-Type =~ /^./
tflags __P9 multiple
meta TWO __P9 == 2
mimeheader P10 Content-Type =~ /first/
header H Content-Type =~ /gif/
)");
  mime::RenderSink& sink = scan.renderings();
  sink.part_header("Content-Type", "text/first", "text/first");
  sink.part_header("content-type", "multipart/mixed", "multipart/mixed");
  sink.part_headers_end();
  sink.part_header("Content-Type", "image/gif;\n name=\"x\"", "image/gif; name=\"x\"");
  sink.part_header("Content-ID", "<1>", "<1>");
  sink.part_headers_end();
  EXPECT_THAT(scan.hits(), ElementsAre("P1", "P2", "P5", "P6", "P7", "TWO", "__P9"));
}

TEST(Semantics, rawbody_goes_over_line_ends) {
  RuleScan scan(
      "rawbody R1 /foo\\nbar/\nrawbody R2 /^foo/\nrawbody R3 /bar\\n\\nnext/\nrawbody R4 /^bar/\n"
      "rawbody R5 /^bar/m\n");
  tell_small_message(scan);
  EXPECT_THAT(scan.hits(), ElementsAre("R1", "R2", "R3", "R5"));
}

TEST(Semantics, metas) {
  RuleScan scan(R"(
body  __Z /foo/
body  ZERO /foo/
score ZERO 0
meta MZ (__Z)
score MZ 0
meta M1 !MZ
meta M2 (MZ || 1)
meta M3 !ZERO
meta M4 !M1 + 1
meta MF (0)
score MF 0
meta M5 !MF
meta M7 (__Z * 3)
meta M8 M7 == 3
meta M9 (M7 && 5) == 5
meta M10 (0 || M7) == 3
meta M12 ( 0 - 1 )
meta M13 M12 == 1
meta M14 M12
if plugin(Mail::SpamAssassin::Plugin::Nothing)
body NOPE /x/
endif
meta M6 !NOPE
)");
  tell_small_message(scan);
  EXPECT_THAT(scan.hits(),
              ElementsAre("M10", "M12", "M13", "M14", "M3", "M5", "M6", "M7", "M8", "M9", "__Z"));
}

TEST(Semantics, score_is_of_rules_that_are_no_sub_rules) {
  RuleScan scan(
      "body A /foo/\nscore A 2.5\nbody __B /foo/\nscore __B 9\nbody T_C /foo/\n"
      "body D /foo/\ntflags D nice\nbody E /foo/\nscore E 0 1 2 3\n");
  tell_small_message(scan);
  EXPECT_THAT(scan.hits(), ElementsAre("A", "D", "T_C", "__B"));
  EXPECT_DOUBLE_EQ(scan.score(), 2.5 - 1 + 0.01);
}

TEST(Semantics, multiple_counts_hits) {
  RuleScan scan(R"(
body __O /o/
tflags __O multiple
body __O2 /o/
tflags __O2 multiple maxhits=2
meta FOUR __O == 3
meta TWO __O2 == 2
rawbody __LINES /^./m
tflags __LINES multiple
meta THREE_LINES __LINES == 3
header __ADDR To =~ /example/
tflags __ADDR multiple
meta TWO_ADDR __ADDR == 2
)");
  tell_small_message(scan);  // hello, foo bar: three times "o"
  const auto hits = scan.hits();
  EXPECT_THAT(hits, Contains("FOUR"));
  EXPECT_THAT(hits, Contains("TWO"));
  EXPECT_THAT(hits, Contains("THREE_LINES"));
  EXPECT_THAT(hits, Contains("TWO_ADDR"));
}

TEST(Semantics, uris_are_matched_each_alone) {
  RuleScan scan(
      "uri U1 m{^https?://evil\\.example/}\nuri U2 /exe$/\nuri U3 m{a/.*b/}s\nuri U4 /^mailto:/\n");
  scan.uri("http://evil.example/x.exe").uri("http://a/").uri("http://b/");
  EXPECT_THAT(scan.hits(), ElementsAre("U1", "U2"));
}

TEST(Semantics, uris_that_redirectors_lead_to_are_matched_too) {
  RuleScan scan(
      "uri U1 m{^http://evil\\.example\\.org/x\\?a$}\nuri U2 m{^http://evil\\.example\\.net/y$}\n"
      "uri U3 m{^http://third}\nuri U4 m{^http://nodot}\nuri U5 m{^http://r.*third}\n");
  scan.uri("http://r.example.com/go?u=http://evil.example.org/x?a&y=http://third.example.net/z");
  scan.uri("http://s.example.com/http://evil.example.net/y#f");
  scan.uri("http://t.example.com/?u=http://nodot/x");
  EXPECT_THAT(scan.hits(), ElementsAre("U1", "U2", "U5"));
}

TEST(Semantics, full_sees_header_and_body_with_line_ends) {
  RuleScan scan(
      "full F1 /^Subject: x\\n\\nbody/\nfull F2 /\\r/\nfull F3 /body\\nend\\n\\z/\nfull F4 "
      "/^body/m\n"
      "full F5 /^body/\n");
  scan.full("Subject: x\r\n\r\nbody\r\nend\r\n");
  EXPECT_THAT(scan.hits(), ElementsAre("F1", "F3", "F4"));
}

// The rest is our own promise, not SpamAssassin's.

TEST(Semantics, text_beyond_every_buffer_is_seen) {
  RuleScan scan(
      "body FAR /needle in body/\nrawbody RAW /needle in raw/\nuri URI /needle/\nfull FULL /needle "
      "in full/\n"
      "body FIRST /^subject line$/\nfull BEGIN /^needle/\n");
  const std::string filler(1000, 'x');
  scan.body("subject line");
  for (int i = 0; i < 2000; ++i) {
    scan.body(filler)
        .rawbody(filler + "\n")
        .uri("http://host.example/" + filler)
        .full(filler + "\n");
  }
  scan.body("the needle in body").rawbody("the needle in raw\n").uri("http://needle.example/");
  scan.full("needle in full");
  EXPECT_THAT(scan.hits(), ElementsAre("FAR", "FIRST", "FULL", "RAW", "URI"));
}

TEST(Semantics, a_match_over_the_border_of_windows_is_found_and_counted_once) {
  RuleScan scan("full __N /needle/\ntflags __N multiple\nmeta ONE __N == 1\nmeta MANY __N > 1\n");
  // Every place of a needle around the border of the first window.
  for (uint32_t at = FullText::kWindowBytes - 8; at < FullText::kWindowBytes + 2; ++at) {
    scan.full(std::string(at, '-') + "needle" + std::string(1000, '-'));
    EXPECT_THAT(scan.hits(), ElementsAre("ONE", "__N")) << at;
  }
}

TEST(Semantics, messages_do_not_leak_into_one_another) {
  RuleScan scan("body A /foo/\nheader S Subject =~ /x/\nmeta M A && S\n");
  scan.header("Subject", "x").body("foo");
  EXPECT_THAT(scan.hits(), ElementsAre("A", "M", "S"));
  EXPECT_THAT(scan.hits(), IsEmpty());
  scan.body("foo");
  EXPECT_THAT(scan.hits(), ElementsAre("A"));
}

TEST(Semantics, confirmation_is_bounded) {
  // Exponential for a backtracking matcher, and Hyperscan's prefilter cannot rule it out.
  RuleScan scan("body EVIL /^(?:a+)+(?<!b)$(?<=c)/\n");
  scan.body(std::string(3000, 'a'));
  EXPECT_THAT(scan.hits(), IsEmpty());
}

TEST(Semantics, what_is_given_up_is_told_by_rule_and_not_tried_for_ever) {
  RuleScan scan("body FINE /fine/\nbody EVIL /^(?:a+)+(?<!b)$(?<=c)/\n");
  for (int i = 0; i < 20; ++i) scan.body(std::string(3000, 'a'));
  scan.body("fine");
  EXPECT_THAT(scan.hits(), ElementsAre("FINE"));
  ASSERT_EQ(scan.cuts().size(), 1u);
  EXPECT_EQ(scan.compiled().rules[scan.cuts()[0].rule].name, "EVIL");
  EXPECT_EQ(scan.cuts()[0].times, kMostCutsOfRule);
}

TEST(Semantics, a_flood_of_one_field_leaves_room_for_others) {
  RuleScan scan("header S Subject =~ /here/\nheader T X-Flood =~ /flood/\n");
  for (int i = 0; i < 300; ++i) scan.header("X-Flood", std::string(1000, 'f'));
  scan.header("Subject", "here");
  EXPECT_THAT(scan.hits(), Contains("S"));
}

}  // namespace
}  // namespace postern::scan
