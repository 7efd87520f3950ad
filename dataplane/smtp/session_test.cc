// Conversations as the RFCs write them, and what a session makes of them.
#include "dataplane/smtp/session.h"

#include <gtest/gtest.h>

#include <random>

#include "dataplane/smtp/dialogue.h"

namespace postern::smtp {
namespace {

using namespace std::string_literals;

struct Case {
  const char* name;
  std::vector<Turn> turns;
  const char* log;              // what the handler is told
  Step step = Step::kContinue;  // the last one
  bool refuse_dubious = false;
};

const std::vector<Turn> kHello = {S("220 mx.example ESMTP\r\n"), C("EHLO relay.example\r\n"),
                                  S("250-mx.example greets relay.example\r\n250-PIPELINING\r\n"
                                    "250-STARTTLS\r\n250 CHUNKING\r\n")};

std::vector<Turn> after_hello(std::vector<Turn> turns) {
  turns.insert(turns.begin(), kHello.begin(), kHello.end());
  return turns;
}

// To the point where message text comes.
std::vector<Turn> in_data(std::vector<Turn> turns) {
  turns.insert(turns.begin(), {C("MAIL FROM:<a@x>\r\n"), S("250 2.1.0 Ok\r\n"),
                               C("RCPT TO:<b@y>\r\n"), S("250 2.1.5 Ok\r\n"), C("DATA\r\n"),
                               S("354 End data with <CR><LF>.<CR><LF>\r\n")});
  return after_hello(turns);
}

const Case kCases[] = {
    // RFC 5321 D.1.
    {"typical",
     {S("220 foo.com Simple Mail Transfer Service Ready\r\n"), C("EHLO bar.com\r\n"),
      S("250-foo.com greets bar.com\r\n250-8BITMIME\r\n250-SIZE\r\n250-DSN\r\n250 HELP\r\n"),
      C("MAIL FROM:<Smith@bar.com>\r\n"), S("250 OK\r\n"), C("RCPT TO:<Jones@foo.com>\r\n"),
      S("250 OK\r\n"), C("RCPT TO:<Green@foo.com>\r\n"), S("550 No such user here\r\n"),
      C("RCPT TO:<Brown@foo.com>\r\n"), S("250 OK\r\n"), C("DATA\r\n"),
      S("354 Start mail input; end with <CRLF>.<CRLF>\r\n"), C("Blah blah blah...\r\n"),
      C("...etc. etc. etc.\r\n"), C(".\r\n"), S("250 OK\r\n"), C("QUIT\r\n"),
      S("221 foo.com Service closing transmission channel\r\n")},
     "begin\n"
     "end [Blah blah blah...\\r\\n..etc. etc. etc.\\r\\n]\n"
     "over <Smith@bar.com> 250 <Jones@foo.com> 250 <Green@foo.com> 550 <Brown@foo.com> 250"
     " data 354 final 250\n"},
    // RFC 5321 D.2.
    {"reset",
     {S("220 foo.com\r\n"), C("EHLO bar.com\r\n"), S("250 foo.com\r\n"),
      C("MAIL FROM:<Smith@bar.com>\r\n"), S("250 OK\r\n"), C("RCPT TO:<Jones@foo.com>\r\n"),
      S("250 OK\r\n"), C("RSET\r\n"), S("250 OK\r\n"), C("QUIT\r\n"), S("221 bye\r\n")},
     "over <Smith@bar.com> 250 <Jones@foo.com> 250 data 0 final 0\n"},
    // RFC 2920 3.1, the first example, with the replies in one packet as well.
    {"pipelined",
     after_hello({C("MAIL FROM:<mrose@dbc.mtview.ca.us>\r\nRCPT TO:<ned@innosoft.com>\r\n"
                    "RCPT TO:<dan@innosoft.com>\r\nRCPT TO:<kvc@innosoft.com>\r\nDATA\r\n"),
                  S("250 sender OK\r\n250 recipient OK\r\n250 recipient OK\r\n"
                    "250 recipient OK\r\n354 enter mail\r\n"),
                  C("text\r\n.\r\nQUIT\r\n"), S("250 message sent\r\n221 goodbye\r\n")}),
     "begin\nend [text\\r\\n]\n"
     "over <mrose@dbc.mtview.ca.us> 250 <ned@innosoft.com> 250 <dan@innosoft.com> 250"
     " <kvc@innosoft.com> 250 data 354 final 250\n"},
    // RFC 2920 3.1, the second: DATA is refused.
    {"pipelined, no recipient",
     after_hello({C("MAIL FROM:<mrose@dbc.mtview.ca.us>\r\nRCPT TO:<nsb@thumper.bellcore.com>\r\n"
                    "RCPT TO:<galvin@tis.com>\r\nDATA\r\n"),
                  S("250 sender OK\r\n550 remote mail not allowed\r\n550 no\r\n554 no valid\r\n"),
                  C("QUIT\r\n"), S("221 goodbye\r\n")}),
     "begin\n"
     "abandoned <mrose@dbc.mtview.ca.us> 250 <nsb@thumper.bellcore.com> 550 <galvin@tis.com> 550"
     " data 554 final 0\n"},
    {"refused data, then a good recipient",
     after_hello({C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n"),
                  S("250 ok\r\n550 no\r\n503 no recipients\r\n"), C("RCPT TO:<c@y>\r\nDATA\r\n"),
                  S("250 ok\r\n354 go\r\n"), C("hi\r\n.\r\n"), S("250 ok\r\n")}),
     "begin\nabandoned <a@x> 250 <b@y> 550 data 503 final 0\n"
     "begin\nend [hi\\r\\n]\n"
     "over <a@x> 250 <b@y> 550 <c@y> 250 data 354 final 250\n"},
    {"mail refused",
     after_hello({C("MAIL FROM:<a@x>\r\n"), S("550 5.7.1 no\r\n"), C("MAIL FROM:<b@x>\r\n"),
                  S("250 ok\r\n"), C("RSET\r\n"), S("250 ok\r\n")}),
     "over <a@x> 550 data 0 final 0\nover <b@x> 250 data 0 final 0\n"},
    {"mail refused under pipelining",
     after_hello(
         {C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n"), S("550 no\r\n503 no\r\n503 no\r\n")}),
     "begin\nabandoned <a@x> 550 <b@y> 503 data 503 final 0\n"},
    {"null sender, quoted and bare addresses",
     after_hello({C("MAIL FROM:<> SIZE=100\r\nRCPT TO:<\"a>b\\\"\"@y> NOTIFY=NEVER\r\n"
                    "rcpt to: c@y ORCPT=rfc822;c@y\r\nRSET\r\n"),
                  S("250 ok\r\n250 ok\r\n501 no\r\n250 ok\r\n")}),
     "over <> 250 <\"a>b\\\"\"@y> 250 <c@y> 501 data 0 final 0\n"},
    {"two messages, the second MAIL pipelined behind the first end",
     in_data({C("one\r\n.\r\nMAIL FROM:<c@x>\r\nRCPT TO:<d@y>\r\nDATA\r\n"),
              S("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n"), C("two\r\n.\r\n"),
              S("451 later\r\n")}),
     "begin\nend [one\\r\\n]\n"
     "begin\nover <a@x> 250 <b@y> 250 data 354 final 250\n"
     "end [two\\r\\n]\nover <c@x> 250 <d@y> 250 data 354 final 451\n"},
    {"RSET and the next MAIL pipelined behind unanswered commands",
     after_hello({C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nRSET\r\nMAIL FROM:<c@x>\r\n"
                    "RCPT TO:<d@y>\r\nRSET\r\n"),
                  S("250 ok\r\n550 no\r\n250 reset\r\n"), S("251 ok\r\n552 no\r\n250 reset\r\n")}),
     "over <a@x> 250 <b@y> 550 data 0 final 0\nover <c@x> 251 <d@y> 552 data 0 final 0\n"},
    {"nested MAIL refused",
     after_hello({C("MAIL FROM:<a@x>\r\n"), S("250 ok\r\n"), C("MAIL FROM:<z@x>\r\n"),
                  S("503 nested\r\n"), C("RCPT TO:<b@y>\r\nRSET\r\n"), S("250 ok\r\n250 ok\r\n")}),
     "over <a@x> 250 <b@y> 250 data 0 final 0\n"},
    {"nested MAIL accepted",
     after_hello({C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nMAIL FROM:<z@x>\r\n"),
                  S("250 ok\r\n250 ok\r\n"), S("250 anew\r\n"), C("RCPT TO:<c@y>\r\nRSET\r\n"),
                  S("250 ok\r\n250 ok\r\n")}),
     "over <a@x> 250 <b@y> 250 data 0 final 0\nover <z@x> 250 <c@y> 250 data 0 final 0\n"},
    {"EHLO resets",
     after_hello({C("MAIL FROM:<a@x>\r\n"), S("250 ok\r\n"), C("EHLO b\r\n"), S("250 mx\r\n"),
                  C("MAIL FROM:<c@x>\r\n"), S("250 ok\r\n")}),
     "over <a@x> 250 data 0 final 0\nover <c@x> 250 data 0 final 0\n"},
    {"connection lost in the message", in_data({C("half a mes")}),
     "begin\nabandoned <a@x> 250 <b@y> 250 data 354 final 0\n"},
    {"connection lost before the reply to the end", in_data({C("x\r\n.\r\n")}),
     "begin\nend [x\\r\\n]\nover <a@x> 250 <b@y> 250 data 354 final 0\n"},
    {"empty message", in_data({C(".\r\n"), S("250 ok\r\n")}),
     "begin\nend []\nover <a@x> 250 <b@y> 250 data 354 final 250\n"},
    {"dots", in_data({C("..\r\n...\r\n.a\r\n. \r\n.\rx\r\na.\r\n..\r\n.\r\n"), S("250 ok\r\n")}),
     "begin\ndubious\nend [.\\r\\n..\\r\\na\\r\\n \\r\\n\\rx\\r\\na.\\r\\n.\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250 (bare_cr,dot_lf)\n"},
    {"refused", in_data({C("SPAM\r\n.\r\nQUIT\r\n")}),
     "begin\nend [SPAM\\r\\n]\nover <a@x> 250 <b@y> 250 data 354 final 0\n", Step::kRefuse},
    {"VRFY EXPN HELP NOOP, a blank line, an unknown verb",
     after_hello({C("VRFY a\r\nEXPN b\r\nHELP\r\nNOOP\r\n\r\nXYZZY\r\n"),
                  S("252 a\r\n550 b\r\n214-one\r\n214 two\r\n250 ok\r\n500 blank\r\n500 what\r\n"),
                  C("MAIL FROM:<a@x>\r\nRSET\r\n"), S("250 a\r\n250 b\r\n")}),
     "over <a@x> 250 data 0 final 0 (unknown_verb)\n"},
    {"an unknown verb that the server takes for DATA",
     after_hello({C("MAIL FROM:<a@x>\r\nDATA\0\r\n"s), S("250 ok\r\n354 go\r\n"),
                  C("text\r\n.\r\n"), S("250 ok\r\n")}),
     "begin\nend [text\\r\\n]\n"
     "over <a@x> 250 data 354 final 250 (unknown_verb,nul_byte)\n"},
    {"replies that are none, and 421",
     after_hello({C("MAIL FROM:<a@x>\r\n"), S("hello?\r\n25\r\n2500 x\r\n999 x\r\n\r\n250 ok\r\n"),
                  S("421 shutting down\r\n"), C("RSET\r\n"), S("421 shutting down\r\n")}),
     "over <a@x> 250 data 0 final 0\n"},
    {"421 to DATA", after_hello({C("MAIL FROM:<a@x>\r\nDATA\r\n"), S("250 ok\r\n421 down\r\n")}),
     "begin\nabandoned <a@x> 250 data 421 final 0\n"},
    {"early talker",
     {C("HELO a\r\n"), S("220 mx\r\n250 mx\r\n"), C("MAIL FROM:<a@x>\r\nRSET\r\n"),
      S("250 a\r\n250 b\r\n")},
     "over <a@x> 250 data 0 final 0 (early_talker)\n"},
    {"commands ended by a bare LF",
     after_hello({C("MAIL FROM:<a@x>\nRSET\r\n"), S("250 a\r\n250 b\r\n")}),
     "over <a@x> 250 data 0 final 0 (bare_lf)\n"},
    {"a long command keeps its place",
     after_hello({C("NOOP " + std::string(5000, 'x') + "\r\nMAIL FROM:<a@x>\r\nRSET\r\n"),
                  S("500 too long\r\n251 a\r\n250 b\r\n")}),
     "over <a@x> 251 data 0 final 0 (long_command_line)\n"},
    // A server that passes a line over in silence: 354 can only mean DATA.
    {"the server owes a reply that does not come",
     after_hello({C("\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n"),
                  S("250 a\r\n250 b\r\n354 go\r\n"), C("x\r\n.\r\n"), S("250 ok\r\n")}),
     "begin\nend [x\\r\\n]\nover <a@x> 250 <b@y> 0 data 354 final 250\n"},
    {"the server accepts a message that has not ended",
     in_data({C("x\n"), S("250 ok\r\n"), C("y")}),
     "begin\nabandoned <a@x> 250 <b@y> 250 data 354 final 0 (bare_lf,reply_out_of_turn)\n",
     Step::kWait},

    // AUTH (RFC 4954 4.1): the lines between are no commands.
    {"AUTH PLAIN, refused STARTTLS",
     after_hello({C("STARTTLS\r\n"), S("454 4.7.0 not now\r\n"), C("AUTH PLAIN\r\n"), S("334 \r\n"),
                  C("MAIL\r\n"), S("535 no\r\n"), C("MAIL FROM:<a@x>\r\nRSET\r\n"),
                  S("250 a\r\n250 b\r\n")}),
     "over <a@x> 250 data 0 final 0\n"},
    {"STARTTLS", after_hello({C("STARTTLS\r\n"), S("220 go\r\n"), C("\x16\x03\x01...\n.\r\n")}), "",
     Step::kOpaque},

    // Smuggling: none of these is an end of data (RFC 5321 4.1.1.4, 2.3.8).
    {"LF . LF", in_data({C("a\n.\nMAIL FROM:<s@x>\r\n.\r\n"), S("250 ok\r\n")}),
     "begin\ndubious\nend [a\\n.\\nMAIL FROM:<s@x>\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250 (bare_lf,dot_lf)\n"},
    {"LF . CRLF", in_data({C("a\n.\r\nb\r\n.\r\n"), S("250 ok\r\n")}),
     "begin\ndubious\nend [a\\n.\\r\\nb\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250 (bare_lf,dot_lf)\n"},
    {"CR . CRLF", in_data({C("a\r.\r\nb\r\n.\r\n"), S("250 ok\r\n")}),
     "begin\ndubious\nend [a\\r.\\r\\nb\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250 (bare_cr,dot_lf)\n"},
    {"CRLF . LF", in_data({C("a\r\n.\nb\r\n.\r\n"), S("250 ok\r\n")}),
     "begin\ndubious\nend [a\\r\\n\\nb\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250 (bare_lf,dot_lf)\n"},
    {"CRLF . CR", in_data({C("a\r\n.\rb\r\n.\r\n"), S("250 ok\r\n")}),
     "begin\ndubious\nend [a\\r\\n\\rb\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250 (bare_cr,dot_lf)\n"},
    {"CR . CR", in_data({C("a\r.\rb\r\n.\r\n"), S("250 ok\r\n")}),
     "begin\ndubious\nend [a\\r.\\rb\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250 (bare_cr,dot_lf)\n"},
    {"CRLF . CR CR LF", in_data({C("a\r\n.\r\r\n\r\n.\r\n"), S("250 ok\r\n")}),
     "begin\ndubious\nend [a\\r\\n\\r\\r\\n\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250 (bare_cr,dot_lf)\n"},
    {"bare CR and LF without a lone dot", in_data({C("a\rb\nc\n.d\n..\r\n.\r\n"), S("250 ok\r\n")}),
     "begin\nend [a\\rb\\nc\\n.d\\n..\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250 (bare_cr,bare_lf)\n"},
    {"NUL", in_data({C("a\0b\r\n.\r\n"s), S("250 ok\r\n")}),
     "begin\nend [a\\0b\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250 (nul_byte)\n"},
    {"smuggling refused where it happens", in_data({C("a\n.\nMAIL FROM:<s@x>\r\n.\r\n")}),
     "begin\ndubious\nover <a@x> 250 <b@y> 250 data 354 final 0 (bare_lf,dot_lf)\n", Step::kRefuse,
     true},

    // RFC 3030 4.1 and 4.2.
    {"BDAT simple",
     after_hello({C("MAIL FROM:<Sam@Random.com>\r\n"), S("250 ok\r\n"),
                  C("RCPT TO:<Susan@Random.com>\r\n"), S("250 ok\r\n"),
                  C("BDAT 11 LAST\r\nTo: S\r\n\r\nhi"), S("250 Message OK, 11 octets received\r\n"),
                  C("QUIT\r\n"), S("221 Goodbye\r\n")}),
     "begin\nend [To: S\\r\\n\\r\\nhi]\n"
     "over <Sam@Random.com> 250 <Susan@Random.com> 250 data 0 final 250\n"},
    {"BDAT pipelined in chunks",
     after_hello({C("MAIL FROM:<a@x> BODY=BINARYMIME\r\nRCPT TO:<b@y>\r\nRCPT TO:<c@y>\r\n"),
                  S("250 a\r\n250 b\r\n550 c\r\n"),
                  C("BDAT 5\r\n.\r\n.\rBDAT 4\r\n\nxy\nBDAT 0 LAST\r\n"),
                  S("250 5\r\n250 4\r\n250 all\r\n")}),
     "begin\nend [.\\r\\n.\\r\\nxy\\n]\n"
     "over <a@x> 250 <b@y> 250 <c@y> 550 data 250 final 250\n"},
    {"BDAT, all in one write, two messages",
     after_hello({C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nbdat 3 last\r\noneMAIL FROM:<c@x>\r\n"
                    "RCPT TO:<d@y>\r\nBDAT 3 LAST\r\ntwoQUIT\r\n"),
                  S("250 a\r\n250 b\r\n"), S("250 one\r\n"), S("250 c\r\n250 d\r\n"),
                  S("554 two\r\n"), S("221 bye\r\n")}),
     "begin\nend [one]\n"
     "begin\nover <a@x> 250 <b@y> 250 data 0 final 250\n"
     "end [two]\nover <c@x> 250 <d@y> 250 data 0 final 554\n"},
    {"BDAT, a chunk refused, then RSET",
     after_hello({C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 3\r\none"),
                  S("250 a\r\n250 b\r\n554 no\r\n"), C("RSET\r\n"), S("250 ok\r\n"),
                  C("MAIL FROM:<c@x>\r\nRSET\r\n"), S("250 a\r\n250 b\r\n")}),
     "begin\nabandoned <a@x> 250 <b@y> 250 data 554 final 0\nover <c@x> 250 data 0 final 0\n"},
    {"BDAT, a chunk refused, the next one pipelined",
     after_hello({C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 3\r\noneBDAT 3 LAST\r\ntwo"),
                  S("250 a\r\n250 b\r\n452 no\r\n503 no\r\n")}),
     "begin\nend [onetwo]\nover <a@x> 250 <b@y> 250 data 452 final 503\n"},
    {"BDAT LAST refused before it is complete",
     after_hello({C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 6 LAST\r\none"),
                  S("250 a\r\n250 b\r\n552 too much\r\n"), C("twoQUIT\r\n"), S("221 bye\r\n")}),
     "begin\nabandoned <a@x> 250 <b@y> 250 data 0 final 552\n"},
    {"BDAT refused by us",
     after_hello({C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 2\r\nSPBDAT 2 LAST\r\nAM"),
                  S("250 a\r\n"), S("250 b\r\n"), S("250 2\r\n")}),
     "begin\nend [SPAM]\nover <a@x> 250 <b@y> 250 data 250 final 0\n", Step::kRefuse},
    {"BDAT 0 LAST refused by us",
     after_hello({C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 4\r\nSPAMBDAT 0 LAST\r\n"),
                  S("250 a\r\n250 b\r\n250 2\r\n")}),
     "begin\nend [SPAM]\nover <a@x> 250 <b@y> 250 data 250 final 0\n", Step::kRefuse},
    {"DATA within a BDAT message",
     after_hello({C("MAIL FROM:<a@x>\r\nBDAT 3\r\noneDATA\r\n"), S("250 a\r\n250 b\r\n503 no\r\n"),
                  C("BDAT 3 LAST\r\ntwo"), S("250 ok\r\n")}),
     "begin\nend [onetwo]\nover <a@x> 250 data 250 final 250\n"},
    // The server does not know BDAT: what follows are commands.
    {"BDAT without CHUNKING",
     {S("220 mx\r\n"), C("EHLO a\r\n"), S("250 mx\r\n"),
      C("BDAT 100 LAST\r\nMAIL FROM:<a@x>\r\nDATA\r\n"), S("500 what\r\n"),
      S("250 a\r\n354 go\r\n"), C("x\r\n.\r\n"), S("250 ok\r\n")},
     "begin\nend [x\\r\\n]\nover <a@x> 250 data 354 final 250 (unknown_verb)\n"},
    {"BDAT that servers read differently",
     after_hello({C("MAIL FROM:<a@x>\r\nBDAT 4294967306 LAST\r\n0123456789"), S("250 a\r\n")}),
     "over <a@x> 250 data 0 final 0 (unknown_verb)\n", Step::kWait},
};

class Conversations : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Session, Conversations, testing::ValuesIn(kCases), [](const auto& info) {
  std::string name = info.param.name;
  for (char& c : name) {
    if (!isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name + "_" + std::to_string(info.index);
});

TEST_P(Conversations, tell_the_handler_this) {
  Recorder recorder;
  recorder.refuse_dubious = GetParam().refuse_dubious;
  Dialogue dialogue(&recorder);
  dialogue.play(GetParam().turns);
  dialogue.session.close();
  EXPECT_EQ(recorder.log, GetParam().log);
  EXPECT_EQ(dialogue.step, GetParam().step);
  if (GetParam().step == Step::kContinue) {
    EXPECT_EQ(dialogue.held, "");
  }
}

// Segments say nothing: whatever the cuts, the handler hears the same and the same bytes pass,
// except that more of a refused end may have passed; never its last octet.
TEST_P(Conversations, do_not_depend_on_segments) {
  Recorder whole_recorder;
  whole_recorder.refuse_dubious = GetParam().refuse_dubious;
  std::string whole_passed;
  {
    Dialogue whole(&whole_recorder);
    whole.play(GetParam().turns);
    whole_passed = whole.passed;
  }
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    Recorder recorder;
    recorder.refuse_dubious = GetParam().refuse_dubious;
    {
      Dialogue dialogue(&recorder);
      const size_t longest = round == 0 ? 1 : 1 + random() % 40;
      for (const Turn& turn : GetParam().turns)
        dialogue.play(turn, [&] { return 1 + random() % longest; });
      EXPECT_EQ(dialogue.step, GetParam().step);
      if (GetParam().step == Step::kRefuse) {
        std::string all;
        for (const Turn& turn : GetParam().turns) {
          if (turn.speaker == Turn::Speaker::kClient) all += turn.text;
        }
        EXPECT_TRUE(all.starts_with(dialogue.passed));
        EXPECT_GE(dialogue.passed.size(), whole_passed.size());
        EXPECT_LE(dialogue.passed.size(), whole_passed.size() + 12);  // "BDAT 0 LAST\r"
        EXPECT_FALSE(dialogue.passed.ends_with("\r\n.\r\n"));
        EXPECT_FALSE(dialogue.passed.ends_with("\n.\n"));
        EXPECT_FALSE(dialogue.passed.ends_with("LAST\r\n"));
      } else {
        EXPECT_EQ(dialogue.passed, whole_passed);
      }
    }
    ASSERT_EQ(recorder.log, whole_recorder.log) << "round " << round;
  }
}

TEST(Session, waits_behind_DATA_until_the_reply) {
  Recorder recorder;
  Dialogue dialogue(&recorder);
  dialogue.play(kHello);
  dialogue.play(C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nNOT YET"));
  EXPECT_EQ(dialogue.step, Step::kWait);
  EXPECT_EQ(dialogue.held, "NOT YET");
  dialogue.play(S("250 a\r\n250 b\r\n"));
  EXPECT_EQ(dialogue.step, Step::kWait);
  dialogue.play(S("354 go\r\n"));
  EXPECT_EQ(dialogue.step, Step::kContinue);
  EXPECT_EQ(dialogue.held, "");
  EXPECT_TRUE(dialogue.session.in_message());
}

TEST(Session, without_memory_for_a_message_DATA_does_not_pass) {
  Recorder recorder;
  recorder.messages_allowed = false;
  Dialogue dialogue(&recorder);
  dialogue.play(kHello);
  dialogue.play(C("MAIL FROM:<a@x>\r\nDA"));
  dialogue.play(C("TA\r\n"));
  EXPECT_EQ(dialogue.step, Step::kWait);
  EXPECT_EQ(dialogue.held, "TA\r\n");
  EXPECT_TRUE(dialogue.passed.ends_with("\r\nDA"));
  recorder.messages_allowed = true;
  dialogue.play(S("250 a\r\n"));
  EXPECT_EQ(dialogue.held, "");
  EXPECT_EQ(recorder.log, "begin\n");
}

TEST(Session, without_memory_for_a_transaction_the_client_waits) {
  Recorder recorder;
  recorder.transactions_allowed = 0;
  Dialogue dialogue(&recorder);
  dialogue.play(kHello);
  dialogue.play(C("NOOP\r\nMAIL FROM:<a@x>\r\n"));
  EXPECT_EQ(dialogue.step, Step::kWait);
  EXPECT_EQ(dialogue.held, "MAIL FROM:<a@x>\r\n");
  recorder.transactions_allowed = 1;
  dialogue.play(S("250 ok\r\n"));
  EXPECT_EQ(dialogue.step, Step::kContinue);
}

TEST(Session, holds_no_memory_between_transactions) {
  Recorder recorder;
  Dialogue dialogue(&recorder);
  dialogue.play(kHello);
  EXPECT_EQ(recorder.in_use(), 0u);
  dialogue.play(C("NOO"));
  EXPECT_EQ(recorder.in_use(), 1u);
  dialogue.play(C("P\r\n"));
  EXPECT_EQ(recorder.in_use(), 0u);
  dialogue.play({S("250 ok\r\n"), C("MAIL FROM:<a@x>\r\n")});
  EXPECT_EQ(recorder.in_use(), 1u);
  dialogue.play({S("250 ok\r\n"), C("DATA\r\n"), S("354 go\r\n"), C("x\r\n.\r\n")});
  EXPECT_EQ(recorder.in_use(), 1u);
  dialogue.play(S("250 ok\r\n"));
  EXPECT_EQ(recorder.in_use(), 0u);
  EXPECT_EQ(dialogue.session.messages(), 1u);
}

TEST(Session, takes_so_many_commands_ahead_of_their_replies) {
  Recorder recorder;
  Limits limits;
  limits.outstanding_commands = 4;
  Dialogue dialogue(&recorder, limits);
  dialogue.play(kHello);
  dialogue.play(C("NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n"));
  EXPECT_EQ(dialogue.step, Step::kWait);
  EXPECT_EQ(dialogue.held, "NOOP\r\n");
  EXPECT_EQ(dialogue.session.replies_outstanding(), 4u);
  dialogue.play(S("250 ok\r\n"));
  EXPECT_EQ(dialogue.step, Step::kContinue);
}

TEST(Session, a_refusal_waits_for_the_replies_to_earlier_commands) {
  Recorder recorder;
  Dialogue dialogue(&recorder);
  dialogue.play(kHello);
  dialogue.play(C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 4 LAST\r\nSPAM"));
  EXPECT_EQ(dialogue.step, Step::kRefuse);
  EXPECT_EQ(dialogue.held, "M");
  EXPECT_EQ(dialogue.session.refusal(), "554 5.7.1 no\r\n");
  EXPECT_EQ(dialogue.session.replies_outstanding(), 2u);
  EXPECT_EQ(recorder.log, "begin\nend [SPAM]\n");
  dialogue.play(S("250 a\r\n"));
  EXPECT_EQ(dialogue.session.replies_outstanding(), 1u);
  dialogue.play(S("250 b\r\n"));
  EXPECT_EQ(dialogue.session.replies_outstanding(), 0u);
  EXPECT_EQ(dialogue.session.refusal(), "554 5.7.1 no\r\n");
  EXPECT_EQ(recorder.log, "begin\nend [SPAM]\nover <a@x> 250 <b@y> 250 data 0 final 0\n");
}

TEST(Session, the_whole_end_of_a_refused_message_is_withheld) {
  Recorder recorder;
  Dialogue dialogue(&recorder);
  dialogue.play(kHello);
  dialogue.play(
      {C("MAIL FROM:<a@x>\r\nDATA\r\n"), S("250 a\r\n354 go\r\n"), C("SPAM\r\n.\r\nQUIT\r\n")});
  EXPECT_EQ(dialogue.step, Step::kRefuse);
  EXPECT_EQ(dialogue.held, ".\r\nQUIT\r\n");
  EXPECT_EQ(dialogue.session.replies_outstanding(), 0u);
}

// As a capture of both directions may hold them.
TEST(Session, a_passive_one_takes_a_reply_ahead_of_what_it_answers) {
  const std::vector<Turn> cases[] = {
      in_data({C("x\r\n"), S("250 ok\r\n"), C(".\r\nNOOP\r\n"), S("250 ok\r\n"),
               C("MAIL FROM:<c@x>\r\n"), S("550 no\r\n")}),
      after_hello({C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 3 LAST\r\nx"),
                   S("250 ok\r\n250 ok\r\n250 ok\r\n"), C("\r\nNOOP\r\n"), S("250 ok\r\n"),
                   C("MAIL FROM:<c@x>\r\n"), S("550 no\r\n")}),
  };
  for (const auto& turns : cases) {
    Recorder recorder;
    Limits limits;
    limits.passive = true;
    Dialogue dialogue(&recorder, limits);
    dialogue.play(turns);
    const size_t over = recorder.log.find("over ");
    EXPECT_EQ(recorder.log.substr(0, over), "begin\nend [x\\r\\n]\n");
    EXPECT_TRUE(recorder.log.substr(over).starts_with("over <a@x> 250 <b@y> 250 data "));
    EXPECT_TRUE(recorder.log.ends_with("final 250\nover <c@x> 550 data 0 final 0\n"));
    EXPECT_EQ(dialogue.session.anomalies(), 0u);
    EXPECT_EQ(dialogue.session.replies_outstanding(), 0u);
  }
}

TEST(Session, plain_text_behind_STARTTLS_is_named) {
  Recorder recorder;
  Dialogue dialogue(&recorder);
  dialogue.play(kHello);
  dialogue.play(C("STARTTLS\r\nEHLO evil\r\n"));
  EXPECT_EQ(dialogue.step, Step::kWait);
  EXPECT_EQ(anomaly_list(dialogue.session.anomalies()), "bytes_after_starttls");
}

TEST(Session, the_EHLO_reply_tells_the_extensions) {
  Recorder recorder;
  Dialogue dialogue(&recorder);
  // The first line is the server's name, whatever it is.
  dialogue.play(
      {S("220 x\r\n"), C("EHLO me\r\n"), S("250-CHUNKING\r\n250-starttls\r\n250 SIZE 1\r\n")});
  EXPECT_EQ(dialogue.session.extensions(), static_cast<uint8_t>(Extension::kStartTls));
  EXPECT_EQ(dialogue.session.helo(), "me");
  dialogue.play({C("HELO " + std::string(100, 'h') + "\r\n"), S("250 x\r\n")});
  EXPECT_EQ(dialogue.session.extensions(), 0);
  EXPECT_EQ(dialogue.session.helo(), std::string(64, 'h'));
}

struct AuthCase {
  const char* name;
  std::vector<Turn> turns;
  const char* user;
};

TEST(Session, learns_who_logs_in) {
  // base64: "test" dGVzdA==, "1234" MTIzNA==, "\0test\01234" AHRlc3QAMTIzNA== (RFC 4954 4.1);
  // "other\0\0pw" b3RoZXIAAHB3; "authz\0test\0pw" YXV0aHoAdGVzdABwdw==.
  const AuthCase cases[] = {
      {"plain, initial", {C("AUTH PLAIN AHRlc3QAMTIzNA==\r\n"), S("235 2.7.0 ok\r\n")}, "test"},
      {"plain, continued",
       {C("AUTH plain\r\n"), S("334 \r\n"), C("AHRlc3QAMTIzNA==\r\n"), S("235 ok\r\n")},
       "test"},
      {"plain, authorization identity",
       {C("AUTH PLAIN YXV0aHoAdGVzdABwdw==\r\n"), S("235 ok\r\n")},
       "test"},
      {"plain, only that", {C("AUTH PLAIN b3RoZXIAAHB3\r\n"), S("235 ok\r\n")}, "other"},
      {"login",
       {C("AUTH LOGIN\r\n"), S("334 VXNlcm5hbWU6\r\n"), C("dGVzdA==\r\n"),
        S("334 UGFzc3dvcmQ6\r\n"), C("MTIzNA==\r\n"), S("235 ok\r\n")},
       "test"},
      {"login, initial",
       {C("AUTH LOGIN dGVzdA==\r\n"), S("334 UGFzc3dvcmQ6\r\n"), C("MTIzNA==\r\n"),
        S("235 ok\r\n")},
       "test"},
      {"refused", {C("AUTH PLAIN AHRlc3QAMTIzNA==\r\n"), S("535 5.7.8 no\r\n")}, ""},
      {"not answered", {C("AUTH PLAIN AHRlc3QAMTIzNA==\r\n")}, ""},
      {"cancelled", {C("AUTH LOGIN\r\n"), S("334 x\r\n"), C("*\r\n"), S("501 ok\r\n")}, ""},
      {"another mechanism",
       {C("AUTH CRAM-MD5\r\n"), S("334 PDE+\r\n"), C("dGVzdA==\r\n"), S("235 ok\r\n")},
       ""},
      {"refused, then accepted",
       {C("AUTH LOGIN MTIzNA==\r\n"), S("535 no\r\n"), C("AUTH LOGIN dGVzdA==\r\n"), S("334 x\r\n"),
        C("MTIzNA==\r\n"), S("235 ok\r\n")},
       "test"},
      {"a second one is an error",
       {C("AUTH LOGIN dGVzdA==\r\n"), S("334 x\r\n"), C("MTIzNA==\r\n"), S("235 ok\r\n"),
        C("AUTH LOGIN MTIzNA==\r\n"), S("503 no\r\n")},
       "test"},
  };
  for (const AuthCase& c : cases) {
    for (const size_t length : {SIZE_MAX, size_t{1}}) {
      SCOPED_TRACE(c.name);
      Recorder recorder;
      Dialogue dialogue(&recorder);
      dialogue.play(kHello);
      for (const Turn& turn : c.turns) dialogue.play(turn, [&] { return length; });
      EXPECT_EQ(dialogue.session.auth_user(), c.user);
      EXPECT_EQ(recorder.in_use(), 0u);
      EXPECT_EQ(dialogue.session.anomalies(), 0u);
    }
  }
}

// The transaction that held the partial line with the password is used by others later.
TEST(Session, leaves_no_password_behind) {
  Recorder recorder;
  recorder.transactions_allowed = 1;
  Dialogue dialogue(&recorder);
  dialogue.play(kHello);
  dialogue.play({C("AUTH PLAIN AHRlc3QA"), C("MTIzNA==\r\n")});
  Transaction* used = recorder.take_transaction();
  ASSERT_NE(used, nullptr);
  const std::string_view memory(reinterpret_cast<const char*>(used), sizeof *used);
  EXPECT_EQ(memory.find("AHRlc3QA"), memory.npos);
  EXPECT_EQ(memory.find("MTIzNA"), memory.npos);
  recorder.give_transaction(used);
  const std::string_view session(reinterpret_cast<const char*>(&dialogue.session), sizeof(Session));
  EXPECT_EQ(session.find("1234"), session.npos);
  EXPECT_EQ(session.find("MTIz"), session.npos);
}

TEST(Session, counts_recipients_beyond_those_it_keeps) {
  struct Counting : Recorder {
    uint32_t count = 0, rejected = 0, stored = 0;
    bool truncated = false;
    void transaction_over(Session& session, Transaction& t) override {
      count = t.recipients_count;
      rejected = t.recipients_rejected;
      stored = t.recipients_stored;
      truncated = t.truncated;
      Recorder::transaction_over(session, t);
    }
  } recorder;
  Dialogue dialogue(&recorder);
  dialogue.play(kHello);
  dialogue.play({C("MAIL FROM:<a@x>\r\n"), S("250 ok\r\n")});
  for (int i = 0; i < 150; ++i) {
    dialogue.play({C("RCPT TO:<r" + std::to_string(i) + "@y>\r\n"),
                   S(i % 3 == 0 ? "550 no\r\n" : "250 ok\r\n")});
  }
  dialogue.play({C("RSET\r\n"), S("250 ok\r\n")});
  EXPECT_EQ(recorder.count, 150u);
  EXPECT_EQ(recorder.rejected, 50u);
  EXPECT_EQ(recorder.stored, Transaction::kRecipients);
  EXPECT_TRUE(recorder.truncated);
}

}  // namespace
}  // namespace postern::smtp
