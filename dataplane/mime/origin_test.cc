#include "dataplane/mime/origin.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace postern::mime {
namespace {

using Confidence = Origin::Confidence;

constexpr std::string_view kHelo = "mail.customer.example";
const IpAddress kClient = *IpAddress::parse("198.51.100.25");

struct Found {
  std::string address;
  Authenticated authenticated = Authenticated::kUnknown;
  std::string user, script;
  Confidence confidence = Confidence::kNone;
  bool operator==(const Found&) const = default;
  friend void PrintTo(const Found& found, std::ostream* out) {
    *out << "{" << found.address << ", auth " << static_cast<int>(found.authenticated) << ", user "
         << found.user << ", script " << found.script << ", confidence "
         << static_cast<int>(found.confidence) << "}";
  }
};

struct Case {
  std::string name;
  std::string header;  // as the message has it, LF
  Found found;
  std::string why = {};  // a part of the sentence
};

Origin read_origin(std::string_view header, std::string_view helo = kHelo) {
  OriginReader reader;
  reader.begin(helo, kClient);
  while (!header.empty()) {
    size_t end = 0;
    do {
      end = header.find('\n', end);
      end = end == header.npos ? header.size() : end + 1;
    } while (end < header.size() && (header[end] == ' ' || header[end] == '\t'));
    const std::string_view field = header.substr(0, end);
    const size_t colon = field.find(':');
    std::string_view value = field.substr(colon + 1);
    while (value.ends_with('\n')) value.remove_suffix(1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    reader.field(field.substr(0, colon), value);
    header.remove_prefix(end);
  }
  return reader.finish();
}

Found found_in(const Origin& origin) {
  return {origin.address ? origin.address->to_string() : "", origin.authenticated,
          std::string(origin.user.view()), std::string(origin.script.view()), origin.confidence};
}

void expect(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Origin origin = read_origin(c.header);
    EXPECT_EQ(found_in(origin), c.found) << origin.why.view();
    EXPECT_NE(origin.why.view().find(c.why), std::string_view::npos) << origin.why.view();
  }
}

constexpr auto kYes = Authenticated::kYes;
constexpr auto kNo = Authenticated::kNo;
constexpr auto kUnknown = Authenticated::kUnknown;
constexpr auto kHigh = Confidence::kHigh;
constexpr auto kMedium = Confidence::kMedium;
constexpr auto kLow = Confidence::kLow;

const std::string kPostfixLogin =
    "Received: from [192.168.1.7] (unknown [203.0.113.9])\n"
    "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\n"
    "\t key-exchange X25519 server-signature RSA-PSS (2048 bits))\n"
    "\t(No client certificate requested)\n"
    "\t(Authenticated sender: bob@customer.example)\n"
    "\tby mail.customer.example (Postfix) with ESMTPSA id 4WxYz12345z1\n"
    "\tfor <someone@example.net>; Mon,  2 Sep 2024 10:11:12 +0200 (CEST)\n";
// What a spammer puts below, to be blamed in another's place.
const std::string kForged =
    "Received: from innocent.example (innocent.example [192.0.2.66])\n"
    "\t(Authenticated sender: ceo@customer.example)\n"
    "\tby mail.customer.example (Postfix) with ESMTPSA id 4AAAAAAAAAz1;\n"
    "\tMon,  2 Sep 2024 10:00:00 +0200 (CEST)\n"
    "X-Originating-IP: [192.0.2.66]\n"
    "X-Authenticated-Sender: ceo@customer.example\n"
    "X-PHP-Originating-Script: 33:innocent.php\n";

TEST(Origin, Postfix) {
  expect({
      {"login, with smtpd_sasl_authenticated_header",
       kPostfixLogin,
       {"203.0.113.9", kYes, "bob@customer.example", "", kHigh},
       "took it from 203.0.113.9, logged in as bob@customer.example."},
      {"what stands below is the spammer's",
       kPostfixLogin + kForged,
       {"203.0.113.9", kYes, "bob@customer.example", "", kHigh}},
      {"login, not told as whom",
       "Received: from pc (dyn-9.isp.example [203.0.113.9])\n"
       "\tby mail.customer.example (Postfix) with ESMTPA id 4WxYz12345z1;\n"
       "\tMon,  2 Sep 2024 10:11:12 +0200 (CEST)\n",
       {"203.0.113.9", kYes, "", "", kHigh},
       "logged in, it does not say as whom"},
      {"a user's PC on the server's own network, without login",
       "Received: from pc17 (pc17.office.example [192.168.1.17])\n"
       "\tby mail.customer.example (Postfix) with ESMTP id 4WxYz12345z1\n"
       "\tfor <someone@example.net>; Mon,  2 Sep 2024 10:11:12 +0200 (CEST)\n" +
           kForged,
       {"192.168.1.17", kNo, "", "", kHigh},
       "192.168.1.17, an address of its own network, without a login."},
      {"IPv6",
       "Received: from pc (unknown [IPv6:2001:db8:1::9])\n"
       "\tby mail.customer.example (Postfix) with ESMTPS id 4WxYz12345z1;\n"
       "\tMon,  2 Sep 2024 10:11:12 +0200 (CEST)\n",
       {"2001:db8:1::9", kNo, "", "", kHigh}},
      {"a local script by PHP's mail()",
       "Received: by mail.customer.example (Postfix, from userid 33)\n"
       "\tid 4WxYz12345z1; Mon,  2 Sep 2024 10:11:12 +0200 (CEST)\n"
       "To: someone@example.net\n"
       "Subject: offer\n"
       "X-PHP-Originating-Script: 33:mailer.php\n",
       {"", kNo, "uid 33", "mailer.php", kHigh},
       "A program on the server itself handed it in, run by uid 33; the script is mailer.php."},
      {"a script of another account: PHP's field could be anyone's",
       "Received: by mail.customer.example (Postfix, from userid 1004)\n"
       "\tid 4WxYz12345z1; Mon,  2 Sep 2024 10:11:12 +0200 (CEST)\n"
       "X-PHP-Originating-Script: 33:mailer.php\n",
       {"", kNo, "uid 1004", "mailer.php", kMedium}},
      {"through amavis and back",
       "Received: from localhost (localhost [127.0.0.1])\n"
       "\tby mail.customer.example (Postfix) with ESMTP id 4WxYz3333z2\n"
       "\tfor <someone@example.net>; Mon,  2 Sep 2024 10:11:13 +0200 (CEST)\n"
       "X-Virus-Scanned: Debian amavisd-new at mail.customer.example\n"
       "Received: from mail.customer.example ([127.0.0.1])\n"
       "\tby localhost (mail.customer.example [127.0.0.1]) (amavisd-new, port 10024)\n"
       "\twith ESMTP id aBcDeFgHiJkL for <someone@example.net>;\n"
       "\tMon,  2 Sep 2024 10:11:12 +0200 (CEST)\n" +
           kPostfixLogin + kForged,
       {"203.0.113.9", kYes, "bob@customer.example", "", kMedium},
       "told by a line below those of the server's own programs"},
      {"a program speaks SMTP on the server: no line below is the server's",
       "Received: from localhost (localhost [127.0.0.1])\n"
       "\tby mail.customer.example (Postfix) with ESMTP id 4WxYz3333z2;\n"
       "\tMon,  2 Sep 2024 10:11:13 +0200 (CEST)\n"
       "Received: from innocent.example (innocent.example [192.0.2.66])\n"
       "\tby elsewhere.example (Postfix) with ESMTP id 1; Mon,  2 Sep 2024 10:00:00 +0200\n",
       {"127.0.0.1", kNo, "", "", kHigh},
       "A program on the server itself handed it in."},
      {"over LMTP from its own filter",
       "Received: from localhost by mail.customer.example (Postfix) with LMTP id 1;\n"
       "\tMon,  2 Sep 2024 10:11:13 +0200\n" +
           kPostfixLogin,
       {"203.0.113.9", kYes, "bob@customer.example", "", kMedium}},
  });
}

TEST(Origin, TheClientsWordsInsideTheLineAreNotBelieved) {
  expect({
      {"a HELO name that looks like the server's words",
       "Received: from a (b [192.0.2.66]) by mail.customer.example (Postfix) with ESMTPSA id 1 "
       "(evil.example [203.0.113.9])\n"
       "\tby mail.customer.example (Postfix) with ESMTP id 4WxYz12345z1;\n"
       "\tMon,  2 Sep 2024 10:11:12 +0200 (CEST)\n",
       {"203.0.113.9", kNo, "", "", kHigh}},
      {"a HELO name with a login",
       "Received: from (Authenticated sender: ceo) (evil.example [203.0.113.9])\n"
       "\tby mail.customer.example (Postfix) with ESMTP id 4WxYz12345z1;\n"
       "\tMon,  2 Sep 2024 10:11:12 +0200 (CEST)\n",
       {"203.0.113.9", kNo, "", "", kHigh}},
      {"a sender's address that looks like a server and a login, Exim",
       "Received: from evil.example ([203.0.113.9] helo=[192.0.2.66])\n"
       "\tby mail.customer.example with esmtp (Exim 4.96)\n"
       "\t(envelope-from <\"(Postfix) (authenticated_id ceo) auth=yes "
       "user=ceo\"@customer.example>)\n"
       "\tid 1sl2ab-000abc-1x; Mon, 02 Sep 2024 10:11:12 +0200\n",
       {"203.0.113.9", kNo, "", "", kHigh}},
      {"a client's certificate with a login in its name",
       "Received: from evil (evil.example [203.0.113.9])\n"
       "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))\n"
       "\t(Client CN \"(Authenticated sender: ceo)\", Issuer \"me\" (not verified))\n"
       "\tby mail.customer.example (Postfix) with ESMTPS id 4WxYz12345z1;\n"
       "\tMon,  2 Sep 2024 10:11:12 +0200 (CEST)\n",
       {"203.0.113.9", kNo, "", "", kHigh}},
      {"an address literal as HELO name, Exchange",
       "Received: from [192.0.2.66] (203.0.113.9) by mail.customer.example (10.0.0.4) with\n"
       " Microsoft SMTP Server id 15.1.2507.39; Mon, 2 Sep 2024 10:11:12 +0200\n",
       {"203.0.113.9", kUnknown, "", "", kHigh}},
      {"an address literal as HELO name, qmail",
       "Received: from unknown (HELO [192.0.2.66]) (203.0.113.9)\n"
       "  by mail.customer.example with SMTP; 27 Mar 2002 05:38:00 -0000\n",
       {"203.0.113.9", kUnknown, "", "", kHigh}},
      {"an address literal as HELO name, Exim",
       "Received: from evil.example ([203.0.113.9] helo=[192.0.2.66])\n"
       "\tby mail.customer.example with esmtp (Exim 4.96)\n"
       "\t(envelope-from <bob@customer.example>)\n"
       "\tid 1sl2ab-000abc-1x\n"
       "\tfor someone@example.net;\n"
       "\tMon, 02 Sep 2024 10:11:12 +0200\n",
       {"203.0.113.9", kNo, "", "", kHigh}},
  });
}

TEST(Origin, Exim) {
  expect({
      {"login",
       "Received: from dyn-9.isp.example ([203.0.113.9] helo=[192.168.1.7])\n"
       "\tby mail.customer.example with esmtpsa  (TLS1.3) tls TLS_AES_256_GCM_SHA384\n"
       "\t(Exim 4.96)\n"
       "\t(envelope-from <bob@customer.example>)\n"
       "\tid 1sl2ab-000abc-1x\n"
       "\tfor someone@example.net;\n"
       "\tMon, 02 Sep 2024 10:11:12 +0200\n" +
           kForged,
       // Exim does not say as whom; the last such field may be what it adds, or the spammer's.
       {"203.0.113.9", kYes, "ceo@customer.example", "", kMedium}},
      {"no reverse name, a port",
       "Received: from [203.0.113.9]:51234 (helo=pc)\n"
       "\tby mail.customer.example with esmtp (Exim 4.94.2)\n"
       "\t(envelope-from <bob@customer.example>)\n"
       "\tid 1sl2ab-000abc-1x; Mon, 02 Sep 2024 10:11:12 +0200\n" +
           kForged,
       {"203.0.113.9", kNo, "", "", kHigh}},
      {"a login that the administrator has written into the line",
       "Received: from pc ([203.0.113.9])\n"
       "\tby mail.customer.example with esmtpsa (Exim 4.96) (authenticated_id bob)\n"
       "\tid 1sl2ab-000abc-1x; Mon, 02 Sep 2024 10:11:12 +0200\n",
       {"203.0.113.9", kYes, "bob", "", kHigh}},
      {"an account of the host",
       "Received: from www-data by mail.customer.example with local (Exim 4.96)\n"
       "\t(envelope-from <www-data@mail.customer.example>)\n"
       "\tid 1sl2ab-000abc-1x\n"
       "\tfor someone@example.net;\n"
       "\tMon, 02 Sep 2024 10:11:12 +0200\n"
       "X-PHP-Originating-Script: 33:mailer.php\n",
       {"", kNo, "www-data", "mailer.php", kMedium},
       "run by www-data; the script is mailer.php"},
      {"a hosting panel's fields at the end, a forged one before them",
       "Received: from dyn-9.isp.example ([203.0.113.9]:51234 helo=pc)\n"
       "\tby mail.customer.example with esmtpsa  (TLS1.2) tls ECDHE (Exim 4.96)\n"
       "\t(envelope-from <bob@customer.example>)\n"
       "\tid 1sl2ab-000abc-1x; Mon, 02 Sep 2024 10:11:12 +0200\n"
       "X-Authenticated-Sender: mail.customer.example: ceo@customer.example\n"
       "Subject: offer\n"
       "X-AntiAbuse: Sender Address Domain - customer.example\n"
       "X-Authenticated-Sender: mail.customer.example: bob@customer.example\n"
       "X-Source: \n"
       "X-Source-Args: \n"
       "X-Source-Dir: \n",
       {"203.0.113.9", kYes, "bob@customer.example", "", kMedium}},
      {"a hosting panel's script",
       "Received: from shop by mail.customer.example with local (Exim 4.96)\n"
       "\t(envelope-from <shop@mail.customer.example>)\n"
       "\tid 1sl2ab-000abc-1x; Mon, 02 Sep 2024 10:11:12 +0200\n"
       "X-PHP-Script: www.shop.example/contact.php for 203.0.113.44\n"
       "X-Source-Args: /usr/bin/php /home/shop/public_html/contact.php \n"
       "X-Source-Dir: shop.example:/public_html\n",
       {"203.0.113.44", kNo, "shop", "www.shop.example/contact.php", kMedium},
       "used from 203.0.113.44"},
      {"the program's arguments alone",
       "Received: from shop by mail.customer.example with local (Exim 4.96)\n"
       "\t(envelope-from <shop@mail.customer.example>)\n"
       "\tid 1sl2ab-000abc-1x; Mon, 02 Sep 2024 10:11:12 +0200\n"
       "X-Source: /usr/bin/php\n"
       "X-Source-Args: /usr/bin/php /home/shop/public_html/wp-mail.php \n",
       {"", kNo, "shop", "/usr/bin/php /home/shop/public_html/wp-mail.php", kMedium}},
  });
}

TEST(Origin, OtherServers) {
  expect({
      {"Sendmail, login",
       "Received: from pc (dyn-9.isp.example [203.0.113.9])\n"
       "\t(authenticated bits=0)\n"
       "\tby mail.customer.example (8.17.1.9/8.17.1.9/Debian-2) with ESMTPSA id 4828BCd0012345\n"
       "\t(version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 bits=256 verify=NO)\n"
       "\tfor <someone@example.net>; Mon, 2 Sep 2024 10:11:12 +0200\n" +
           kForged,
       {"203.0.113.9", kYes, "ceo@customer.example", "", kMedium}},
      {"Sendmail, no login that it would tell",
       "Received: from pc (dyn-9.isp.example [203.0.113.9] (may be forged))\n"
       "\tby mail.customer.example (8.12.5/8.12.5) with ESMTP id g6MGbbhY001615\n"
       "\tfor <someone@example.net>; Mon, 22 Jul 2002 11:37:38 -0500 (CDT)\n",
       {"203.0.113.9", kUnknown, "", "", kHigh}},
      {"Sendmail, handed in by an account",
       "Received: from mail.customer.example (localhost [127.0.0.1])\n"
       "\tby mail.customer.example (8.12.5/8.12.5) with ESMTP id g6MGbbhY001615\n"
       "\tfor <someone@example.net>; Mon, 22 Jul 2002 11:37:38 -0500 (CDT)\n"
       "Received: (from www@localhost)\n"
       "\tby mail.customer.example (8.12.5/8.12.5/Submit) id g6MGbbxD001612\n"
       "\tfor someone@example.net; Mon, 22 Jul 2002 11:37:37 -0500 (CDT)\n" +
           kForged,
       {"192.0.2.66", kNo, "www", "innocent.php", kLow}},
      {"OpenSMTPD, login",
       "Received: from pc (dyn-9.isp.example [203.0.113.9])\n"
       "\tby mail.customer.example (OpenSMTPD) with ESMTPSA id 1a2b3c4d "
       "(TLSv1.3:TLS_AES_256_GCM_SHA384:256:NO) auth=yes user=bob\n"
       "\tfor <someone@example.net>;\n"
       "\tMon, 2 Sep 2024 10:11:12 +0200 (CEST)\n",
       {"203.0.113.9", kYes, "bob", "", kHigh}},
      {"OpenSMTPD, handed in on the host",
       "Received: from localhost (mail.customer.example [local])\n"
       "\tby mail.customer.example (OpenSMTPD) with ESMTPA id 1a2b3c4d\n"
       "\tfor <someone@example.net>;\n"
       "\tMon, 2 Sep 2024 10:11:12 +0200 (CEST)\n",
       {"", kNo, "", "", kHigh}},
      {"Courier, login",
       "Received: from pc (dyn-9.isp.example [::ffff:203.0.113.9])\n"
       "  (AUTH: CRAM-MD5 bob@customer.example)\n"
       "  by mail.customer.example with esmtp; Mon, 02 Sep 2024 10:11:12 +0200\n",
       {"203.0.113.9", kYes, "bob@customer.example", "", kHigh}},
      {"CommuniGate Pro, login",
       "Received: from [203.0.113.9] (account bob@customer.example HELO [192.168.1.7])\n"
       "  by mail.customer.example (CommuniGate Pro SMTP 6.2.14)\n"
       "  with ESMTPSA id 12345 for someone@example.net; Mon, 02 Sep 2024 10:11:12 +0200\n",
       {"203.0.113.9", kYes, "bob@customer.example", "", kHigh}},
      {"qmail, over the network",
       "Received: (qmail 23451 invoked from network); 27 Mar 2002 05:38:00 -0000\n"
       "Received: from unknown (HELO pc) (bob@203.0.113.9)\n"
       "  by mail.customer.example with SMTP; 27 Mar 2002 05:38:00 -0000\n" +
           kForged,
       {"203.0.113.9", kUnknown, "", "", kHigh}},
      {"qmail, by an account",
       "Received: (qmail 13575 invoked by uid 33); 27 Aug 2002 21:06:31 -0000\n"
       "X-PHP-Originating-Script: 33:mailer.php\n",
       {"", kNo, "uid 33", "mailer.php", kMedium}},
      {"Exchange, a mailbox's user by the web",
       "Received: from EX1.customer.example (10.0.0.4) by mail.customer.example (10.0.0.4) with\n"
       " Microsoft SMTP Server (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id\n"
       " 15.1.2507.39; Mon, 2 Sep 2024 10:11:12 +0200\n"
       "Received: from EX1.customer.example ([fe80::1c2d:3e4f:5a6b:7c8d]) by\n"
       " mail.customer.example ([fe80::1c2d:3e4f:5a6b:7c8d%12]) with mapi id 15.01.2507.039; Mon,\n"
       " 2 Sep 2024 10:11:12 +0200\n"
       "X-MS-Exchange-Organization-AuthAs: Internal\n"
       "x-originating-ip: [203.0.113.9]\n",
       {"203.0.113.9", kYes, "", "", kLow}},
      {"Exchange, from outside and not logged in",
       "Received: from pc (203.0.113.9) by mail.customer.example (10.0.0.4) with Microsoft SMTP\n"
       " Server id 15.1.2507.39; Mon, 2 Sep 2024 10:11:12 +0200\n"
       "X-MS-Exchange-Organization-AuthAs: Anonymous\n" +
           kForged,
       {"203.0.113.9", kNo, "", "", kHigh}},
  });
}

TEST(Origin, WebMailers) {
  const std::string postfix =
      "Received: from localhost (localhost [127.0.0.1])\n"
      "\tby mail.customer.example (Postfix) with ESMTP id 4WxYz3333z2;\n"
      "\tMon,  2 Sep 2024 10:11:13 +0200 (CEST)\n";
  expect({
      {"SquirrelMail",
       postfix + "Received: from 203.0.113.9\n"
                 "        (SquirrelMail authenticated user bob)\n"
                 "        by mail.customer.example with HTTP;\n"
                 "        Mon, 2 Sep 2024 10:11:12 +0200\n",
       {"203.0.113.9", kYes, "bob", "", kMedium},
       "A web mailer on the server sent it, used from 203.0.113.9, logged in as bob"},
      {"Roundcube with http_received_header",
       postfix + "Received: from dyn-9.isp.example ([203.0.113.9])\n"
                 " by webmail.customer.example\n"
                 " with HTTP (HTTP/1.1 POST); Mon, 02 Sep 2024 10:11:12 +0200\n",
       {"203.0.113.9", kUnknown, "", "", kMedium}},
      {"X-Originating-IP and the user, below the line of the host itself",
       postfix + "X-Originating-IP: 203.0.113.9\nX-Authenticated-User: bob\n",
       {"203.0.113.9", kYes, "bob", "", kMedium}},
      {"the same fields in mail from elsewhere are the sender's",
       "Received: from pc (dyn-9.isp.example [203.0.113.9])\n"
       "\tby mail.customer.example (Postfix) with ESMTP id 4WxYz12345z1;\n"
       "\tMon,  2 Sep 2024 10:11:12 +0200 (CEST)\n"
       "X-Originating-IP: 192.0.2.66\nX-Authenticated-User: ceo\nX-PHP-Script: a.example/b.php for "
       "192.0.2.66\nX-Source-Args: /bin/x\n",
       {"203.0.113.9", kNo, "", "", kHigh}},
      {"above the line they are the server's",
       "X-Authenticated-User: bob\n"
       "Received: from pc (dyn-9.isp.example [203.0.113.9])\n"
       "\tby mail.customer.example (Postfix) with ESMTPA id 4WxYz12345z1;\n"
       "\tMon,  2 Sep 2024 10:11:12 +0200 (CEST)\n"
       "X-Authenticated-User: ceo\n",
       {"203.0.113.9", kYes, "bob", "", kHigh}},
  });
}

TEST(Origin, WithoutAServersLine) {
  expect({{"the connecting host made it itself",
           "From: a@customer.example\nX-Originating-IP: [192.0.2.66]\nX-Authenticated-User: ceo\n",
           {"198.51.100.25", kUnknown, "", "", kMedium},
           "the connecting host made the message itself"}});
}

TEST(Origin, ANameThatIsNotTheClients) {
  const auto confidence = [](std::string_view helo) {
    return read_origin(kPostfixLogin, helo).confidence;
  };
  EXPECT_EQ(confidence("MAIL.customer.example."), kHigh);
  EXPECT_EQ(confidence("out7.customer.example"), kMedium);
  EXPECT_EQ(confidence("customer.example"), kMedium);
  EXPECT_EQ(confidence("dyn-25.isp.example"), kLow);
  EXPECT_NE(
      read_origin(kPostfixLogin, "dyn-25.isp.example").why.view().find("mail.customer.example"),
      std::string_view::npos);
}

TEST(Origin, OneMessageAfterTheOther) {
  OriginReader reader;
  reader.begin(kHelo, kClient);
  reader.field("X-Originating-IP", "192.0.2.66");
  reader.field("Received", "by mail.customer.example (Postfix, from userid 33)\n\tid 1; now");
  EXPECT_EQ(found_in(reader.finish()).address, "192.0.2.66");
  reader.begin(kHelo, kClient);
  reader.field("Received", "by mail.customer.example (Postfix, from userid 34)\n\tid 1; now");
  EXPECT_EQ(found_in(reader.finish()), (Found{"", kNo, "uid 34", "", kHigh}));
}

TEST(Origin, Addresses) {
  const auto text = [](std::string_view written) {
    const auto address = read_address(written);
    return address ? address->to_string() : "";
  };
  EXPECT_EQ(text("[192.0.2.1]"), "192.0.2.1");
  EXPECT_EQ(text(" 192.0.2.1 "), "192.0.2.1");
  EXPECT_EQ(text("[IPv6:2001:db8::1]"), "2001:db8::1");
  EXPECT_EQ(text("[::ffff:192.0.2.1]"), "192.0.2.1");
  EXPECT_EQ(text("fe80::1%eth0"), "fe80::1");
  EXPECT_EQ(text("[192.0.2.1"), "192.0.2.1");
  for (std::string_view none : {"", "[]", "[", "192.0.2", "192.0.2.256", "localhost", "1.2.3.4.5"})
    EXPECT_EQ(text(none), "") << none;
}

}  // namespace
}  // namespace postern::mime
