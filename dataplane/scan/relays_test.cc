#include "dataplane/scan/relays.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/heap_calls.h"
#include "dataplane/scan/testing/rule_scan.h"

namespace postern::scan {
namespace {

using ::testing::ElementsAre;
using testing::RuleScan;

struct Line {
  const char* received;
  const char* trusted;
  const char* untrusted;
};

// What SpamAssassin 4.0.1 makes of each as the only Received field of a message.
constexpr Line kLines[] = {
    {"from a.example.com (b.example.com [203.0.113.5]) by c.example.com (Postfix) with ESMTP id "
     "ABC123; Mon, 1 Jan 2024 10:00:00 +0000",
     "",
     "[ ip=203.0.113.5 rdns=b.example.com helo=a.example.com by=c.example.com ident= envfrom= "
     "intl=0 id=ABC123 auth= msa=0 ]"},
    {"from laptop (unknown [10.1.2.3]) (Authenticated sender: bob) by c.example.com (Postfix) with "
     "ESMTPSA id ABC123 for <x@y.example>; Mon, 1 Jan 2024 10:00:00 +0000",
     "[ ip=10.1.2.3 rdns= helo=laptop by=c.example.com ident= envfrom= intl=1 id=ABC123 "
     "auth=ESMTPSA msa=0 ]",
     ""},
    {"from laptop (dsl.example.net [203.0.113.9]) (Authenticated sender: bob) by c.example.com "
     "(Postfix) with ESMTP id ABC123; Mon, 1 Jan 2024 10:00:00 +0000",
     "[ ip=203.0.113.9 rdns=dsl.example.net helo=laptop by=c.example.com ident= envfrom= intl=1 "
     "id=ABC123 auth=Postfix msa=0 ]",
     ""},
    {"from mail.example.com ([203.0.113.5] helo=other.example.org ident=root) by c.example.com "
     "with esmtp (Exim 4.96) (envelope-from <bob@example.org>) id 1abc-00; Mon, 1 Jan 2024 "
     "10:00:00 +0000",
     "",
     "[ ip=203.0.113.5 rdns=mail.example.com helo=other.example.org by=c.example.com ident=root "
     "envfrom=bob@example.org intl=0 id=1abc-00 auth= msa=0 ]"},
    {"from [203.0.113.5] (helo=evil.example) by c.example.com with esmtpsa (TLS1.3) (Exim 4.96) "
     "(envelope-from <bob@example.org>) id 1abc-00; Mon, 1 Jan 2024 10:00:00 +0000",
     "[ ip=203.0.113.5 rdns= helo=evil.example by=c.example.com ident= envfrom=bob@example.org "
     "intl=1 id=1abc-00 auth=esmtpsa msa=0 ]",
     ""},
    {"from pc.example.net (pc.example.net [203.0.113.5] (may be forged)) by c.example.com "
     "(8.17.1/8.17.1) with ESMTP id 123abc for <x@y.example>; Mon, 1 Jan 2024 10:00:00 +0000 (GMT)",
     "",
     "[ ip=203.0.113.5 rdns=pc.example.net helo=pc.example.net by=c.example.com ident= envfrom= "
     "intl=0 id=123abc auth= msa=0 ]"},
    {"from unknown (HELO evil.example) (bob@203.0.113.5) by c.example.com with SMTP; 1 Jan 2024 "
     "10:00:00 -0000",
     "",
     "[ ip=203.0.113.5 rdns= helo=evil.example by=c.example.com ident=bob envfrom= intl=0 id= "
     "auth= msa=0 ]"},
    {"from pc.example.net (203.0.113.5) by c.example.com with SMTP; 1 Jan 2024 10:00:00 -0000", "",
     "[ ip=203.0.113.5 rdns=pc.example.net helo=pc.example.net by=c.example.com ident= envfrom= "
     "intl=0 id= auth= msa=0 ]"},
    {"from pc.example.net (2001:db8::5) by exch.example.com (2001:db8::1) with Microsoft SMTP "
     "Server (version=TLS1_2, cipher=X) id 15.1.2507.35; Mon, 1 Jan 2024 10:00:00 +0000",
     "",
     "[ ip=2001:db8::5 rdns=pc.example.net helo=pc.example.net by=exch.example.com ident= envfrom= "
     "intl=0 id=15.1.2507.35 auth= msa=0 ]"},
    {"from pc ([203.0.113.5]) by exch.example.com with Microsoft SMTPSVC(6.0.3790.4675); Mon, 1 "
     "Jan 2024 10:00:00 +0000",
     "",
     "[ ip=203.0.113.5 rdns= helo=pc by=exch.example.com ident= envfrom= intl=0 id= auth= msa=0 ]"},
    {"from [IPv6:2001:db8::7] (unknown [IPv6:2001:db8::7]) by c.example.com (Postfix) with ESMTPS "
     "id ABC123; Mon, 1 Jan 2024 10:00:00 +0000",
     "",
     "[ ip=2001:db8::7 rdns= helo=!IPv6:2001:db8::7! by=c.example.com ident= envfrom= intl=0 "
     "id=ABC123 auth= msa=0 ]"},
    {"from x (x [::ffff:203.0.113.5]) by c.example.com with ESMTP id 1234; Mon, 1 Jan 2024 "
     "10:00:00 +0000",
     "",
     "[ ip=203.0.113.5 rdns=x helo=x by=c.example.com ident= envfrom= intl=0 id=1234 auth= msa=0 "
     "]"},
    {"from bob by c.example.com with local (Exim 4.96) id 1abc-00; Mon, 1 Jan 2024 10:00:00 +0000",
     "", ""},
    {"by c.example.com (Postfix, from userid 33) id ABC123; Mon, 1 Jan 2024 10:00:00 +0000", "",
     ""},
    {"from a.example.com by c.example.com; Mon, 1 Jan 2024 10:00:00 +0000", "", ""},
    {"from pop.example.com [203.0.113.5] by localhost with POP3 (fetchmail-6.4) for "
     "<bob@localhost>; Mon, 1 Jan 2024 10:00:00 +0000",
     "", ""},
    {"from DFBSA01 [198.51.100.4] (HELO 203.0.113.89) by mail.example.net (Some Mail V2.0 "
     "listener) id 0000_0041; Wed, 07 Aug 2002 15:39:06 -0700",
     "",
     "[ ip=198.51.100.4 rdns= helo=203.0.113.89 by=mail.example.net ident= envfrom= intl=0 "
     "id=0000_0041 auth= msa=0 ]"},
};

TEST(Relays, are_what_spamassassin_reads) {
  Relays relays;
  for (const Line& line : kLines) {
    relays.begin();
    relays.field("Received", line.received);
    relays.finish();
    EXPECT_EQ(relays.trusted(), line.trusted) << line.received;
    EXPECT_EQ(relays.untrusted(), line.untrusted) << line.received;
  }
}

constexpr const char* kPrivate =
    "from pc (unknown [10.1.2.3]) by a.example (Postfix) with SMTP id AAA; Mon, 1 Jan 2024 "
    "10:00:00 +0000";
constexpr const char* kPublic =
    "from b.example (b.example [203.0.113.5]) by a.example (Postfix) with SMTP id BBB; "
    "Mon, 1 Jan 2024 10:00:00 +0000";

// SpamAssassin counts the same ones (num_relays_unparseable).
TEST(Relays, fields_that_cannot_be_read_are_counted) {
  Relays relays;
  relays.begin();
  relays.field("Received",
               "from <a@b.example> with PostMaster 3.14.1 (M); Mon, 7 Oct 2002 15:10:41 +100");
  EXPECT_EQ(relays.unreadable(), 1U);
  relays.field("Received", "from  by Computer2 with ESMTP; Mon, 20 May 2002 12:43:34 -0500");
  EXPECT_EQ(relays.unreadable(), 2U);
  relays.field("Received",
               "from mail pickup service by a.example with Microsoft SMTPSVC; Wed, 28 Aug 2002 "
               "09:26:35 -0700");
  relays.field("Received",
               "by a.example (Postfix, from userid 33) id ABC123; Mon, 1 Jan 2024 10:00:00 +0000");
  relays.field("Received", "from a.example by b.example; Mon, 1 Jan 2024 10:00:00 +0000");
  relays.field(
      "Received",
      "from a.example (a.example) by b.example (Content Technologies SMTPRS 4.2.5) with ESMTP "
      "id <T5d84>; Mon, 1 Jan 2024 10:00:00 +0000");
  EXPECT_EQ(relays.unreadable(), 2U);
}

TEST(Relays, below_an_untrusted_one_none_is_trusted) {
  Relays relays;
  relays.begin();
  for (const char* line : {kPrivate, kPublic, kPrivate}) relays.field("Received", line);
  relays.field("X-Originating-IP", " [192.0.2.7]");
  relays.finish();
  EXPECT_EQ(relays.trusted(),
            "[ ip=10.1.2.3 rdns= helo=pc by=a.example ident= envfrom= intl=1 id=AAA auth= msa=0 ]");
  EXPECT_EQ(
      relays.untrusted(),
      "[ ip=203.0.113.5 rdns=b.example helo=b.example by=a.example ident= envfrom= intl=0 id=BBB "
      "auth= msa=0 ] "
      "[ ip=10.1.2.3 rdns= helo=pc by=a.example ident= envfrom= intl=0 id=AAA auth= msa=0 ] "
      "[ ip=192.0.2.7 rdns= helo= by= ident= envfrom= intl=0 id= auth= msa=0 ]");
}

TEST(Relays, no_words_of_a_field_pass_for_another_relay) {
  Relays relays;
  relays.begin();
  relays.field(
      "Received",
      "from b (b.example [203.0.113.5]) by a.example (via HTTP [ ip=10.0.0.1 rdns=c ]) id [D]");
  relays.finish();
  const std::string all = std::string(relays.trusted()) + std::string(relays.untrusted());
  EXPECT_TRUE(all.starts_with("[ ip=203.0.113.5 ")) << all;
  EXPECT_EQ(all.find('[', 1), all.npos) << all;
  EXPECT_EQ(all.find(']'), all.size() - 1) << all;
}

TEST(Relays, stay_within_their_room_and_allocate_nothing) {
  Relays relays;
  const std::string long_line =
      "from " + std::string(5000, 'x') + " (b [203.0.113.5]) by c with SMTP id 1";
  const uint64_t before = heap_calls();
  relays.begin();
  for (int i = 0; i < 2000; ++i) relays.field("Received", kPublic);
  relays.field("Received", long_line);
  relays.finish();
  EXPECT_EQ(heap_calls(), before);
  EXPECT_LE(relays.untrusted().size(), Relays::kTextBytes);
  EXPECT_TRUE(relays.untrusted().ends_with("msa=0 ]"));
}

// As SpamAssassin's, but that MAIL goes before what the header says.
TEST(Relays, rules_about_them_and_about_the_envelopes_sender) {
  RuleScan scan(R"(
header R1 X-Spam-Relays-External =~ /^\[ ip=203\.0\.113\.5 rdns=b\.example helo=\S+ /
header R2 X-Spam-Relays-Untrusted =~ /^[^\]]+ auth= /
header R3 X-Spam-Relays-Trusted =~ /ip=/
header R4 X-Spam-Relays-Internal =~ /^$/
header R5 X-Spam-Relays-External:ip =~ /^203\.0\.113\.5$/
header E1 EnvelopeFrom =~ /^bounce\@lists\.example\.com$/
header E2 EnvelopeFrom:addr:domain =~ /^example\.com$/
header E3 EnvelopeFrom =~ /^bob\@example\.org$/
header E4 EnvelopeFrom =~ /^$/
header E5 EnvelopeFrom =~ /^none$/ [if-unset: none]
)");
  scan.header("Return-Path", "<bounce@lists.example.com>").header("Received", kPublic);
  EXPECT_THAT(scan.hits(), ElementsAre("E1", "E2", "R1", "R2", "R4", "R5"));
  // Written before the message came to the last server.
  scan.header("Received", kPublic).header("Return-Path", "<bounce@lists.example.com>");
  EXPECT_THAT(scan.hits(), ElementsAre("E4", "E5", "R1", "R2", "R4", "R5"));
  scan.header("Return-Path", "<bounce@lists.example.com>");
  scan.header(
      "Received",
      "from b ([203.0.113.6]) by a with esmtp (Exim 4.96) (envelope-from <bob@example.org>) "
      "id 1abc-00; Mon, 1 Jan 2024 10:00:00 +0000");
  EXPECT_THAT(scan.hits(), ElementsAre("E3", "R2", "R4"));
  scan.envelope(language::Target::kMailFrom, "bob@example.org");
  scan.header("Return-Path", "<bounce@lists.example.com>");
  EXPECT_THAT(scan.hits(), ElementsAre("E3", "R4"));
  scan.envelope(language::Target::kMailFrom, "").header("Return-Path", "<a@b.example>");
  EXPECT_THAT(scan.hits(), ElementsAre("E4", "R4"));
}

}  // namespace
}  // namespace postern::scan
