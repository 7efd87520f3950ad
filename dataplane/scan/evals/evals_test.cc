// Functions of eval rules. The expectations are what SpamAssassin 4.0.1 itself says of the same
// rules and messages, asked through patterns/sets/spamassassin_hits.pl.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/testing/heap_calls.h"
#include "dataplane/scan/compiled.h"
#include "dataplane/scan/evals/eval_plan.h"
#include "dataplane/scan/evals/mail_date.h"
#include "dataplane/scan/testing/rule_scan.h"

namespace postern::scan {
namespace {

using ::testing::ElementsAreArray;

constexpr std::string_view kEvalRules = R"rules(
body TAG_BALANCE eval:html_tag_balance('body', '!= 0')
body TAG_EXISTS eval:html_tag_exists('center')
body IMAGE_ONLY eval:html_image_only('0','700')
body IMAGE_RATIO eval:html_image_ratio('0.000','0.002')
body HTML eval:html_test('html')
body EMBEDS eval:html_test('embeds')
body LOW_CONTRAST eval:html_test('font_low_contrast')
body BAD_FACE eval:html_test('font_face_bad')
body BAD_COLOR eval:html_test('font_invalid_color')
body FORM_MAILTO eval:html_test('form_action_mailto')
body SHORT_HTML eval:html_eval('length', '< 300')
body LARGE_FONT eval:html_range('max_size', '5', 'inf')
body OBFUSCATED eval:html_range('obfuscation_ratio','0.1','1')
body BAD_TAGS eval:html_range('bad_tag_ratio','0.05','1')
body EXTRA_CLOSE eval:html_range('closed_extra_ratio','0.01','inf')
body COMMENT eval:html_text_match('comment', 'saved from url')
body NOT_TITLE eval:html_text_not_match('title', '^Hello')
body IMAGE_LINK eval:html_text_match('anchor', '<img>')
body LONG_TITLE eval:html_title_subject_ratio('3.5')
body FRAME eval:check_iframe_src()
rawbody BASE64 eval:check_for_mime('mime_base64_count')
rawbody BASE64_TEXT eval:check_for_mime('mime_base64_encoded_text')
rawbody QP_LONG eval:check_for_mime('mime_qp_long_line')
body HTML_PART eval:check_for_mime_html()
body HTML_ONLY eval:check_for_mime_html_only()
body MOSTLY_HTML eval:check_mime_multipart_ratio('0.00','0.1')
body EPILOGUE eval:check_msg_parse_flags('mime_epilogue_exists')
body NO_PART_HEADER eval:check_msg_parse_flags('missing_mime_headers')
body ILLEGAL_ASCII eval:check_for_ascii_text_illegal()
body UNICODE eval:check_abundant_unicode_ratio(0.01)
body BASE64_79 eval:check_base64_length('78','79')
body QP_RATIO eval:check_qp_ratio('0.02')
body NO_TEXT eval:check_ma_non_text()
body UPPERCASE eval:check_for_uppercase('50', '100')
body SHORT_BODY eval:check_body_length('200')
body BLANK_LINES eval:check_blank_line_ratio('40','90','4')
body VERTICAL eval:tvd_vertical_words('0','10')
body STOCK eval:check_stock_info('2')
body DIFFERENT eval:multipart_alternative_difference('99', '100')
body MORE_TEXT eval:multipart_alternative_difference_count('1', '1')
header LATE eval:check_for_shifted_date('-12', '-6')
header AHEAD eval:check_for_shifted_date('96', 'undef')
header ILLEGAL_SUBJECT eval:check_illegal_chars('Subject','0.00','2')
header ALL_CAPS eval:subject_is_all_caps()
header SORTED eval:sorted_recipients()
header SIMILAR eval:similar_recipients('0.65','undef')
header TWO_SUBJECTS eval:check_header_count_range('Subject','2','999')
header USER_IN_SUBJECT eval:check_for_to_in_subject('user')
header ADDRESS_IN_SUBJECT eval:check_for_to_in_subject('address')
header OUTLOOK_ID eval:check_outlook_message_id()
header TEMPLATE eval:check_unresolved_template()
header RATWARE_ID eval:check_ratware_name_id()
header RATWARE_FROM eval:check_ratware_envelope_from()
header NO_TO eval:check_for_missing_to_header()
header OTHER_FROM eval:check_equal_from_domains()
header SAME_FROM eval:check_for_matching_env_and_hdr_from()
header GATED eval:gated_through_received_hdr_remover()
header AOL eval:check_for_fake_aol_relay_in_rcvd()
header HOTMAIL eval:check_for_forged_hotmail_received_headers()
header NO_HOTMAIL eval:check_for_no_hotmail_received_headers()
header EUDORAMAIL eval:check_for_forged_eudoramail_received_headers()
header JUNO eval:check_for_forged_juno_received_headers()
header GMAIL eval:check_for_forged_gmail_received_headers()
header YAHOO eval:check_for_forged_yahoo_received_headers()
header ALL_TRUSTED eval:check_all_trusted()
header NO_RELAYS eval:check_no_relays()
header UNPARSEABLE eval:check_relays_unparseable()
header HELO_IP eval:helo_ip_mismatch()
header TRAIL eval:check_for_forged_received_trail()
)rules";

constexpr std::string_view kHtml = R"message(Return-Path: <bounce@other.com>
Received: from a.example.com (a.example.com [192.0.2.1]) by mx.example.net; Tue, 10 Sep 2002 20:00:00 +0000
Date: Tue, 10 Sep 2002 12:00:00 +0000
From: Someone <who@hotmail.com>
To: bob@example.com
Subject: bob
Message-Id: <000000000000$00000000$00000000@x>
Content-Type: text/html

<html><!-- saved from url=(0022)http://x --><title>A title that is much longer than its subject</title>
<body><center>v<!-- x -->i<b></b>agra</center></p></p><blorf><blurb>
<font color="#fffffe" size="7" face="!!">pale</font><font color="octarine">odd</font>
<a href="http://x.example/"><img src="a.gif" width="600" height="400"></a>
<iframe src="http://y.example/"></iframe><embed src="z"><form action="mailto:x@y.example"></form>
)message";

constexpr std::string_view kPlain = R"message(Return-Path: <same@gmail.com>
Received: from rly-xa01.mx.aol.com by mx.example.net; Tue, 10 Sep 2002 20:00:00 +0000
Date: Tue, 24 Sep 2002 20:00:00 +0000
From: "Name" <same@gmail.com>
To: aa1@one.example, aa2@one.example, aa3@one.example, aa4@one.example, aa5@one.example, aa6@one.example, aa7@one.example
Subject: READ THIS NOW AT ONCE
X-Offer: %TO_NAME wins
Message-Id: <ABCDEFGHIJKLMNOPQRSTUVWXYZAB.same@gmail.com>

BUY THIS STOCK NOW BEFORE ALL THE OTHERS DO AND BECOME RICH OVER NIGHT
IT IS ALL TRUE AND GUARANTEED BY THE MAN WHO WROTE THIS LINE AND THE NEXT
AND BELIEVE IT OR NOT HE DOES NOT EVEN WANT YOUR MONEY BUT ONLY THE BEST.



Company: Example Inc
Symbol: EXMP
Target Price: 5
Sector: letters &#x0041; &#x0042; &#x0043; &#x0044;
caf)message"
                                    "\xe9"
                                    R"message(
)message";

constexpr std::string_view kAlternative =
    R"message(Received: (qmail 123 invoked from network); 10 Sep 2002 20:00:00 -0000
From: x@juno.com
Subject: bob@example.com, hello
Subject: again
To: bob@example.com
Content-Type: multipart/alternative; boundary="b"

--b
Content-Type: text/plain

one two three four five six seven eight nine ten
--b
Content-Type: text/html
Content-Transfer-Encoding: quoted-printable

<html><head></head><body bgcolor=3D"#ffffff"><table><tr><td>alpha</td><td>=62=65=74=61 and so on beyond the seventy-eight</td></tr></table>
</body></html>
--b
Content-Type: application/pdf
Content-Transfer-Encoding: base64

AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
--b

no header here
--b--
An epilogue.
)message";

constexpr std::string_view kBase64 = R"message(Return-Path: <example.com?bob@list.net>
From: y@eudoramail.com
Received: from x (HELO hotmail.com) by mx.example.net; 10 Sep 2002 20:00:00 +0000
To: bob@example.com
Subject: caf)message"
                                     "\xe9"
                                     R"message( )message"
                                     "\xe8"
                                     "\xe9"
                                     R"message(
Content-Type: text/plain
Content-Transfer-Encoding: base64

aGVsbG8gd29ybGQK
)message";

constexpr std::string_view kNobody = R"message(From: z@hotmail.com
Received: from x by mx.example.net; 10 Sep 2002 20:00:00 +0000
Subject: nobody

a



b



)message";

constexpr std::string_view kGone = R"message(Subject: x

hi
)message";

constexpr std::string_view kRelays =
    R"message(Received: from 203.0.113.9 (b.example.net [198.51.100.5]) by a.example.com (Postfix) with SMTP id AAA111; Mon, 1 Jan 2024 10:00:00 +0000
Received: from x.example.org (c.example.org [198.51.100.6]) by other.example.de (Postfix) with SMTP id BBB111; Mon, 1 Jan 2024 09:00:00 +0000
Received: from y.example.org (d.example.org [198.51.100.7]) by third.example.fr (Postfix) with SMTP id CCC111; Mon, 1 Jan 2024 08:00:00 +0000
Received: from somewhere over the rainbow
From: Bob <bob@yahoo.com>
To: Al <al@example.com>
Date: Mon, 01 Jan 2024 10:00:00 +0000
Subject: relays

One two three.
)message";

constexpr std::string_view kTrusted =
    R"message(Received: from pc (unknown [10.1.2.3]) by a.example.com (Postfix) with ESMTPSA id AAA111; Mon, 1 Jan 2024 10:00:00 +0000
From: Bob <bob@example.com>
To: Al <al@example.com>
Date: Mon, 01 Jan 2024 10:00:00 +0000
Subject: trusted

One two three.
)message";

constexpr std::string_view kYahoo =
    R"message(Received: from 198.51.100.9 (mta.mail.yahoo.com [198.51.100.5]) by a.yahoo.com (Postfix) with SMTP id AAA111; Mon, 1 Jan 2024 10:00:00 +0000
From: Bob <bob@yahoo.com>
To: Al <al@example.com>
Date: Mon, 01 Jan 2024 10:00:00 +0000
Subject: bounce

One two three.
)message";

struct Expected {
  std::string_view message;
  std::set<std::string> rules;
};

// The names of what the message hits, fed in pieces of `step` octets, line ends CRLF when asked.
std::set<std::string> hits(MessageScan& scan, const std::shared_ptr<const SignatureSet>& set,
                           MessageScan::Scratch& scratch, std::string_view text, size_t step) {
  scan.begin(set, &scratch, Asked::kAllRules);
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, step);
    scan.feed({reinterpret_cast<const uint8_t*>(piece.data()), piece.size()});
    text.remove_prefix(piece.size());
  }
  std::set<std::string> names;
  for (uint32_t rule : scan.finish().rules) names.emplace(set->rule_name(rule));
  return names;
}

std::string with_crlf(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

class Evals : public ::testing::Test {
 protected:
  Evals() : set_(testing::compile_rules(kEvalRules)) { EXPECT_TRUE(scratch_.prepare(*set_)); }

  std::shared_ptr<const SignatureSet> set_;
  MessageScan::Scratch scratch_;
  MessageScan scan_{mime::ReaderLimits{}};
};

TEST_F(Evals, hit_where_spamassassins_hit) {
  const Expected table[] = {
      {kHtml,
       {"BAD_COLOR",   "BAD_FACE",       "BAD_TAGS",   "COMMENT",    "EMBEDS",     "EXTRA_CLOSE",
        "FORM_MAILTO", "FRAME",          "HTML",       "HTML_ONLY",  "HTML_PART",  "IMAGE_LINK",
        "IMAGE_ONLY",  "IMAGE_RATIO",    "LARGE_FONT", "LATE",       "LONG_TITLE", "LOW_CONTRAST",
        "NOT_TITLE",   "NO_HOTMAIL",     "OBFUSCATED", "OTHER_FROM", "OUTLOOK_ID", "TAG_BALANCE",
        "TAG_EXISTS",  "USER_IN_SUBJECT"}},
      {kPlain,
       {"AHEAD", "ALL_CAPS", "AOL", "GMAIL", "ILLEGAL_ASCII", "NO_RELAYS", "RATWARE_ID",
        "SAME_FROM", "SIMILAR", "SORTED", "STOCK", "TEMPLATE", "UNICODE", "UPPERCASE"}},
      {kAlternative,
       {"ADDRESS_IN_SUBJECT", "BASE64", "BASE64_79", "DIFFERENT", "EPILOGUE", "HTML", "HTML_PART",
        "JUNO", "MORE_TEXT", "MOSTLY_HTML", "NO_PART_HEADER", "NO_RELAYS", "NO_TEXT", "QP_LONG",
        "QP_RATIO", "SHORT_HTML", "TWO_SUBJECTS"}},
      {kBase64,
       {"BASE64", "BASE64_TEXT", "EUDORAMAIL", "HOTMAIL", "ILLEGAL_SUBJECT", "OTHER_FROM",
        "RATWARE_FROM", "SHORT_BODY", "UNPARSEABLE"}},
      {kNobody, {"BLANK_LINES", "NO_HOTMAIL", "NO_RELAYS", "NO_TO", "SHORT_BODY", "VERTICAL"}},
      {kGone, {"GATED", "NO_RELAYS", "NO_TO", "SAME_FROM", "SHORT_BODY"}},
      {kRelays, {"HELO_IP", "SHORT_BODY", "TRAIL", "UNPARSEABLE", "YAHOO"}},
      {kTrusted, {"ALL_TRUSTED", "SHORT_BODY"}},
      {kYahoo, {"SHORT_BODY"}},
  };
  for (const Expected& row : table) {
    SCOPED_TRACE(row.message.substr(0, 60));
    EXPECT_THAT(hits(scan_, set_, scratch_, row.message, row.message.size()),
                ElementsAreArray(row.rules));
    EXPECT_THAT(hits(scan_, set_, scratch_, row.message, 7), ElementsAreArray(row.rules));
    const std::string wire = with_crlf(row.message);
    EXPECT_THAT(hits(scan_, set_, scratch_, wire, wire.size()), ElementsAreArray(row.rules));
  }
}

TEST_F(Evals, allocate_nothing) {
  hits(scan_, set_, scratch_, kHtml, kHtml.size());
  for (std::string_view message : {kHtml, kPlain, kAlternative, kBase64, kNobody, kGone}) {
    scan_.begin(set_, &scratch_);
    const uint64_t before = heap_calls();
    scan_.feed({reinterpret_cast<const uint8_t*>(message.data()), message.size()});
    scan_.finish();
    EXPECT_EQ(heap_calls() - before, 0u) << message.substr(0, 60);
  }
}

TEST(EvalTables, every_function_of_the_language_has_a_row_here) {
  for (const auto& function : language::eval_functions()) {
    EXPECT_EQ(std::ranges::count(evals::eval_rows(), function.name, &evals::EvalRow::name), 1)
        << function.name;
  }
  EXPECT_EQ(evals::eval_rows().size(), language::eval_functions().size());
}

TEST(MailDate, reads_what_spamassassin_reads) {
  EXPECT_EQ(evals::parse_mail_date("Tue, 10 Sep 2002 20:00:00 +0000"), 1031688000);
  EXPECT_EQ(evals::parse_mail_date("10 Sep 02 20:00:00 EST"), 1031706000);
  EXPECT_EQ(evals::parse_mail_date("Tue, 10 Sep 2002 20:00:00 -0730 (PDT)"), 1031715000);
  EXPECT_EQ(evals::parse_mail_date("Tue Sep 10 20:00:00 2002"), 1031616000);
  EXPECT_EQ(evals::parse_mail_date("31 Feb 2003 25:61:61 +0100"), 1046559599);
  EXPECT_EQ(evals::parse_mail_date("10 Sep 102 1:02"), 1031619720);
  EXPECT_EQ(evals::parse_mail_date("no date"), std::nullopt);
  EXPECT_EQ(evals::parse_mail_date("1 Jan 1970 00:00:00 +1400"), 0);
}

}  // namespace
}  // namespace postern::scan
