// Functions of the plugins WLBLEval, FromNameSpoof, HTTPSMismatch and URIEval. The expectations are
// what SpamAssassin 4.0.1 says of the same rules and messages, asked through
// patterns/sets/spamassassin_hits.pl.
#include "dataplane/scan/evals/senders.h"

#include <gtest/gtest.h>

#include "dataplane/scan/testing/message_hits.h"

namespace postern::scan {
namespace {

using Names = std::set<std::string>;

constexpr std::string_view kSenderRules = R"rules(
enlist_addrlist (Bank) *@bank.com b?b@*.example.org
enlist_addrlist (Bank) $x+(y@bank.de
enlist_addrlist (Other) z@z.net
fns_ignore_headers List-Id X-List
header IN_LIST eval:check_from_in_list('Bank')
header TO_IN_LIST eval:check_to_in_list('Bank')
header REPLY_IN_LIST eval:check_replyto_in_list('Bank')
header NO_LIST eval:check_from_in_list('Other')
header OF_RELAY eval:check_mailfrom_matches_rcvd()
header SPOOF eval:check_fromname_spoof()
header SPOOF_DOMAIN eval:check_fromname_spoof('2')
header DIFFERENT eval:check_fromname_different()
header DOMAIN eval:check_fromname_domain_differ()
header OWNER eval:check_fromname_owners_differ()
header HAS eval:check_fromname_contains_email()
header TO eval:check_fromname_equals_to()
header REPLY eval:check_fromname_equals_replyto()
body HTTPS eval:check_https_http_mismatch('1','3')
body IP eval:check_https_ip_mismatch()
enlist_uri_host (HOSTS) bad.com !good.bad.com cn
enlist_uri_host (HOSTS) late.com
enlist_uri_host (HOSTS) !late.com
blocklist_uri_host bank.com 192.0.2.7
header HOST eval:check_uri_host_listed('HOSTS')
body BLOCKED eval:check_uri_host_in_blocklist()
)rules";

struct SenderExample {
  std::string_view message;
  Names rules;
};

const SenderExample kSenderExamples[] = {
    {R"message(Received: from mail.bank.com (mail.bank.com [198.51.100.5]) by a.example.com (Postfix) with SMTP id AAA111; Mon, 1 Jan 2024 10:00:00 +0000
Return-Path: <x@mx.bank.com>
From: "support@paypal.com" <x@bank.com>
Reply-To: support@paypal.com
To: bab@mail.example.org
Subject: one

See http://www.bad.com/ and http://good.bad.com/x
)message",
     {"DIFFERENT", "DOMAIN", "HAS", "HOST", "IN_LIST", "OWNER", "REPLY", "SPOOF", "SPOOF_DOMAIN",
      "TO_IN_LIST"}},
    {R"message(Received: from mail.bank.com (other.net [198.51.100.5]) by a.example.com (Postfix) with SMTP id AAA111 for <support@paypal.de>; Mon, 1 Jan 2024 10:00:00 +0000
Return-Path: <x@bank.com>
From: support@paypal.de <q@paypal.com>
Reply-To: $x+(y@bank.de
To: x@example.org
Subject: two
Content-Type: text/html

<html><body><a href="http://evil.com/x">https://www.bank.com/login</a> <a href="http://192.0.2.7/">go to https://bank.com</a>
<a href="http://bad.com">x</a> <a name="z">https://q.com</a></body></html>
)message",
     {"BLOCKED", "DIFFERENT", "DOMAIN", "HAS", "HOST", "HTTPS", "IP", "SPOOF_DOMAIN", "TO"}},
    {R"message(List-Id: x
From: "support@paypal.com" <x@else.com>
To: support@paypal.com
Subject: three
Content-Type: text/html

<html><body><a href="http://evil.com/x">https://www.bank.com/login</a> <a href="http://a.com/">1</a> <a href="http://b.com/">1</a>
<a href="http://late.com">x</a> <a href="http://192.0.2.7/">https://192.0.2.7/</a></body></html>
)message",
     {"BLOCKED"}},
    {R"message(From: "Somebody who writes a very long name --- with many words and an address a@b.com in it" <x@else.com>
Resent-From: bob@q.example.org
To: a@b.com
Subject: four
Content-Type: text/html

<html><body><a href="http://www.bank.com/x">https://bank.com/login</a> <a href="http://x.cn/">1</a></body></html>
)message",
     {"BLOCKED", "HAS", "HOST", "IN_LIST"}},
    {R"message(Return-Path: <b@news.b.com>
Received: from x (out.b.com [198.51.100.5]) by a.example.com (Postfix) with SMTP id AAA111; Mon, 1 Jan 2024 10:00:00 +0000
From: "a@b.com" <A@B.COM>
Delivered-To: a@b.com
Subject: five

http://192.0.2.7/ and mailto:x@bad.com
)message",
     {"BLOCKED", "HAS", "OF_RELAY", "TO"}},
};

TEST(SendersAndLinks, are_told_where_spamassassin_tells_them) {
  testing::MessageHits hits(kSenderRules);
  for (const SenderExample& example : kSenderExamples) {
    SCOPED_TRACE(example.message);
    EXPECT_EQ(hits(example.message), example.rules);
    EXPECT_EQ(hits(example.message, 7), example.rules);
  }
}

TEST(SendersAndLinks, a_list_that_no_file_has_written_holds_nobody) {
  testing::MessageHits hits(
      "header A eval:check_from_in_list('X')\nheader B eval:check_uri_host_listed('X')\n");
  EXPECT_EQ(hits("From: a@b.com\n\nhttp://x.com/\n"), Names{});
}

}  // namespace
}  // namespace postern::scan
