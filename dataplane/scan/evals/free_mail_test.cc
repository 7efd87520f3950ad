// Functions of the plugin FreeMail. The expectations are what SpamAssassin 4.0.1 says of the same
// rules and messages, asked through patterns/sets/spamassassin_hits.pl.
#include "dataplane/scan/evals/free_mail.h"

#include <gtest/gtest.h>

#include "dataplane/scan/testing/message_hits.h"

namespace postern::scan {
namespace {

using testing::MessageHits;
using Names = std::set<std::string>;

constexpr std::string_view kMailRules = R"rules(
freemail_domains Free.example mail.example gmx.* yahoo.co*.* ms*.free.example
freemail_welcomelist boss@free.example
freemail_whitelist ok.gmx.net gmx.us
header FROM eval:check_freemail_from()
header FROM_DIGIT eval:check_freemail_from('\d@')
header TO eval:check_freemail_header('To')
header REPLY_DIGIT eval:check_freemail_header('Reply-To', '\d@')
header SENDER eval:check_freemail_header('EnvelopeFrom')
header REPLYTO eval:check_freemail_replyto('replyto')
header REPLY eval:check_freemail_replyto('reply')
header BODY eval:check_freemail_body()
header BODY_X eval:check_freemail_body('^x')
)rules";

struct Example {
  std::string_view message;
  Names rules;
};

const Example kExamples[] = {
    {R"message(From: A <a1@Free.Example>
Reply-To: B <b2@gmx.de>
To: c@mail.example, boss@free.example
Subject: x

Hello.
)message",
     {"FROM", "FROM_DIGIT", "REPLY", "REPLYTO", "REPLY_DIGIT", "TO"}},
    {R"message(From: A <a@free.example>
To: boss@free.example
Subject: write to x@yahoo.co.uk

Mail: y@gmx.net
<z@gmx.com> is quoted, so is q@gmx.at wrote:
see https://gmx.com/?v@gmx.ch
)message",
     {"BODY", "BODY_X", "FROM", "REPLY"}},
    {R"message(From: A <a@corp.example>
Reply-To: b@ms12.free.example
To: d@gmx.us
Subject: three

Only one@gmx.net here, and a@b, a@b.nothing, x..y@gmx.fr-.
)message",
     {"BODY", "REPLYTO"}},
    {R"message(From: A <support@free.example>
To: d@sub.gmx.us
Subject: four

a1@gmx.net a2@gmx.net a3@gmx.net a4@gmx.net
)message",
     {}},
    {R"message(Return-Path: <owner-list@free.example>
From: A <a@free.example>
Reply-To: e@mail.example
To: undisclosed-recipients@free.example
Subject: five
Content-Type: text/html

<html><body><a href="mailto:xa@gmx.net?subject=x">write</a> <a href="MAILTO:Xb@gmx.net">Xb@gmx.net</a></body></html>
)message",
     {"BODY", "BODY_X", "FROM", "SENDER"}},
    {R"message(From: A <a@free.example>
Resent-From: f@corp.example
Resent-From: g@free.example
Subject: six

<mailto:x.y@gmx.net> <mailto:xy@gmx.com>
)message",
     {"BODY", "BODY_X", "REPLY"}},
    {R"message(Return-Path: <q@free.example>
From: A <a@corp..example>
Subject: seven
Content-Type: text/html

<html><body><a href="mailto:xa@gmx.net?subject=x">write</a> to &lt;xa@gmx.net&gt; or m@a.b.c.d.gmx.net</body></html>
)message",
     {"BODY", "BODY_X", "FROM", "SENDER"}},
};

TEST(FreeMail, hits_where_spamassassins_hits) {
  MessageHits hits(kMailRules);
  for (const Example& example : kExamples) {
    SCOPED_TRACE(example.message);
    EXPECT_EQ(hits(example.message), example.rules);
    EXPECT_EQ(hits(example.message, 7), example.rules);
  }
}

constexpr std::string_view kFive =
    "From: a@free.com\nSubject: x\n\n"
    "1@free.com 2@free.com 3@free.com 4@b.com 5@b.com\n";

TEST(FreeMail, many_addresses_tell_nothing_unless_a_setting_says_so) {
  constexpr std::string_view kBody =
      "freemail_domains free.com\nheader BODY eval:check_freemail_body()\n";
  EXPECT_EQ(MessageHits(kBody)(kFive), Names{});
  EXPECT_EQ(MessageHits(std::string(kBody) + "freemail_max_body_emails 6\n")(kFive), Names{});
  EXPECT_EQ(MessageHits(std::string(kBody) +
                        "freemail_max_body_emails 6\nfreemail_max_body_freemails 4\n")(kFive),
            Names{"BODY"});
  EXPECT_EQ(MessageHits(std::string(kBody) + "freemail_skip_when_over_max 0\n")(kFive),
            Names{"BODY"});
}

TEST(FreeMail, without_a_domain_nothing_is_free) {
  EXPECT_EQ(MessageHits("header FROM eval:check_freemail_from()\n")(kFive), Names{});
}

TEST(FreeMail, more_addresses_than_are_kept_are_survived) {
  MessageHits hits(
      "freemail_domains free.com\nheader BODY eval:check_freemail_body()\n"
      "freemail_skip_when_over_max 0\n");
  std::string message = "From: a@free.com\n\n";
  for (int i = 0; i < 500; ++i) message += std::to_string(i) + "@free.com ";
  EXPECT_EQ(hits(message + "\n"), Names{"BODY"});
}

}  // namespace
}  // namespace postern::scan
