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
  const char* refuse_address = "";
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
     "over <a@x> 250 <b@y> 250 data 354 final 250 (bare_cr,crlf_dot_cr)\n"},
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
     "over <a@x> 250 data 0 final 0 (command_bare_lf)\n"},
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
     "over <a@x> 250 <b@y> 250 data 354 final 250 (bare_lf,lf_dot_lf)\n"},
    {"LF . CRLF", in_data({C("a\n.\r\nb\r\n.\r\n"), S("250 ok\r\n")}),
     "begin\ndubious\nend [a\\n.\\r\\nb\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250 (bare_lf,lf_dot_crlf)\n"},
    {"CR . CRLF", in_data({C("a\r.\r\nb\r\n.\r\n"), S("250 ok\r\n")}),
     "begin\ndubious\nend [a\\r.\\r\\nb\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250 (bare_cr,cr_dot_crlf)\n"},
    {"CRLF . LF", in_data({C("a\r\n.\nb\r\n.\r\n"), S("250 ok\r\n")}),
     "begin\ndubious\nend [a\\r\\n\\nb\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250 (bare_lf,crlf_dot_lf)\n"},
    {"CRLF . CR", in_data({C("a\r\n.\rb\r\n.\r\n"), S("250 ok\r\n")}),
     "begin\ndubious\nend [a\\r\\n\\rb\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250 (bare_cr,crlf_dot_cr)\n"},
    {"CR . CR", in_data({C("a\r.\rb\r\n.\r\n"), S("250 ok\r\n")}),
     "begin\ndubious\nend [a\\r.\\rb\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250 (bare_cr,cr_dot_crlf)\n"},
    {"CRLF . CR CR LF", in_data({C("a\r\n.\r\r\n\r\n.\r\n"), S("250 ok\r\n")}),
     "begin\ndubious\nend [a\\r\\n\\r\\r\\n\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250 (bare_cr,crlf_dot_cr)\n"},
    {"bare CR and LF without a lone dot", in_data({C("a\rb\nc\n.d\n..\r\n.\r\n"), S("250 ok\r\n")}),
     "begin\nend [a\\rb\\nc\\n.d\\n..\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250 (bare_cr,bare_lf)\n"},
    {"CR . LF", in_data({C("a\r.\nb\r\n.\r\n"), S("250 ok\r\n")}),
     "begin\ndubious\nend [a\\r.\\nb\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250 (bare_cr,bare_lf,cr_dot_lf)\n"},
    // Judged in front of the CR, so named as if its LF came.
    {"LF . CR", in_data({C("a\n.\rb\r\n.\r\n"), S("250 ok\r\n")}),
     "begin\ndubious\nend [a\\n.\\rb\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250 (bare_cr,bare_lf,lf_dot_crlf)\n"},
    {"NUL", in_data({C("a\0b\r\n.\r\n"s), S("250 ok\r\n")}),
     "begin\nend [a\\0b\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250 (nul_byte)\n"},
    {"smuggling refused where it happens", in_data({C("a\n.\nMAIL FROM:<s@x>\r\n.\r\n")}),
     "begin\ndubious\nover <a@x> 250 <b@y> 250 data 354 final 0 (bare_lf,lf_dot_lf)\n",
     Step::kRefuse, true},

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
     "over <a@x> 250 <b@y> 250 <c@y> 550 data 250 final 250 (bare_lf)\n"},
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
    // Counted octets cannot be split: their line ends are only noted.
    {"BDAT with line ends of all kinds",
     after_hello({C("MAIL FROM:<a@x> BODY=BINARYMIME\r\nRCPT TO:<b@y>\r\nBDAT 7\r\na\n.\r\nb\r"
                    "BDAT 11 LAST\r\n.\rc\r\n.\r\nd\r\n"),
                  S("250 a\r\n250 b\r\n250 7\r\n250 ok\r\n")}),
     "begin\nend [a\\n.\\r\\nb\\r.\\rc\\r\\n.\\r\\nd\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 250 final 250 (bare_cr,bare_lf,lf_dot_crlf,cr_dot_crlf)\n"},
    {"BDAT, a chunk of nothing",
     after_hello({C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 0\r\nBDAT 2\r\nhiBDAT 0 LAST\r\n"
                    "NOOP\r\n"),
                  S("250 a\r\n250 b\r\n250 0\r\n250 2\r\n250 ok\r\n250 noop\r\n")}),
     "begin\nend [hi]\nover <a@x> 250 <b@y> 250 data 250 final 250\n"},
    {"BDAT, a whole second message behind LAST, by DATA",
     after_hello({C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 3 LAST\r\none"),
                  S("250 a\r\n250 b\r\n250 one\r\n"),
                  C("MAIL FROM:<c@x>\r\nRCPT TO:<d@y>\r\nDATA\r\n"),
                  S("250 c\r\n250 d\r\n354 go\r\n"), C("two\r\n.\r\n"), S("250 two\r\n")}),
     "begin\nend [one]\nover <a@x> 250 <b@y> 250 data 0 final 250\n"
     "begin\nend [two\\r\\n]\nover <c@x> 250 <d@y> 250 data 354 final 250\n"},
    {"BDAT without recipients, refused by the server",
     after_hello({C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 3 LAST\r\none"),
                  S("250 a\r\n550 b\r\n503 no recipients\r\n"), C("RSET\r\n"), S("250 ok\r\n")}),
     "begin\nend [one]\nover <a@x> 250 <b@y> 550 data 0 final 503\n"},
    {"BDAT, 421 in the middle",
     after_hello({C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 3\r\none"), S("250 a\r\n250 b\r\n"),
                  S("421 4.3.2 going down\r\n"), C("BDAT 3 LAST\r\ntwo"), S("503 no\r\n")}),
     "begin\nend [onetwo]\nover <a@x> 250 <b@y> 250 data 421 final 503\n"},

    // ESMTP parameters: RFC 3461 3 and 10.1, RFC 1870 3, RFC 3030 2, RFC 6531 3.4, RFC 4954 5.
    {"DSN, SIZE, BODY, SMTPUTF8 and AUTH parameters, enhanced codes",
     after_hello(
         {C("MAIL FROM:<Alice@Pure-Heart.ORG> RET=HDRS ENVID=QQ314159 SIZE=500000\r\n"
            "RCPT TO:<Bob@Big-Bucks.COM> NOTIFY=SUCCESS ORCPT=rfc822;Bob@Big-Bucks.COM\r\n"
            "RCPT TO:<Carol@Ivory.EDU> NOTIFY=FAILURE,DELAY ORCPT=rfc822;Carol@Ivory.EDU\r\n"
            "RCPT TO:<Dana@Ivory.EDU> NOTIFY=NEVER\r\nRSET\r\n"),
          S("250 2.1.0 <Alice@Pure-Heart.ORG> sender ok\r\n"
            "250 2.1.5 <Bob@Big-Bucks.COM> recipient ok\r\n"
            "552 5.2.3 <Carol@Ivory.EDU> too large\r\n"
            "250-2.1.5 <Dana@Ivory.EDU>\r\n250 2.1.5 recipient ok\r\n250 2.0.0 ok\r\n"),
          C("MAIL FROM:<j\xc3\xbcrgen@x> SMTPUTF8 BODY=8BITMIME AUTH=<>\r\nRSET\r\n"),
          S("250 a\r\n250 b\r\n")}),
     "over <Alice@Pure-Heart.ORG> 250 <Bob@Big-Bucks.COM> 250 <Carol@Ivory.EDU> 552"
     " <Dana@Ivory.EDU> 250 data 0 final 0\n"
     "over <j\xc3\xbcrgen@x> 250 data 0 final 0\n"},
    {"a source route is part of the address",
     after_hello({C("MAIL FROM:<@one,@two:a@x>\r\nRCPT TO:<Postmaster>\r\nRSET\r\n"),
                  S("250 a\r\n250 b\r\n250 c\r\n")}),
     "over <@one,@two:a@x> 250 <Postmaster> 250 data 0 final 0\n"},

    // Failures that the server speaks of first, or at any time (RFC 5321 3.1, 3.8).
    {"554 for a greeting", {S("554 5.7.1 no\r\n"), C("QUIT\r\n"), S("221 bye\r\n")}, ""},
    {"554 for a greeting, and a client that does not care",
     {S("554 no\r\n"), C("EHLO a\r\n"), S("503 no\r\n"), C("MAIL FROM:<a@x>\r\n"), S("503 no\r\n"),
      C("QUIT\r\n"), S("221 bye\r\n")},
     "over <a@x> 503 data 0 final 0\n"},
    {"421 for a greeting", {S("421-mx too\r\n421 busy\r\n")}, ""},
    {"a greeting of several lines",
     {S("220-mx\r\n220-no spam\r\n220 please\r\n"), C("HELO a\r\n"), S("250 mx\r\n"),
      C("MAIL FROM:<a@x>\r\nRSET\r\n"), S("250 a\r\n250 b\r\n")},
     "over <a@x> 250 data 0 final 0\n"},
    {"EHLO refused, then HELO",
     {S("220 mx\r\n"), C("EHLO a\r\n"), S("502 what\r\n"), C("HELO a\r\n"), S("250 mx\r\n"),
      C("MAIL FROM:<a@x>\r\nRSET\r\n"), S("250 a\r\n250 b\r\n")},
     "over <a@x> 250 data 0 final 0\n"},
    {"421 to MAIL", after_hello({C("MAIL FROM:<a@x>\r\n"), S("421 4.3.2 down\r\n")}),
     "over <a@x> 421 data 0 final 0\n"},
    {"421 to RCPT under pipelining",
     after_hello({C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nRCPT TO:<c@y>\r\nDATA\r\n"),
                  S("250 a\r\n421 down\r\n")}),
     "begin\nabandoned <a@x> 250 <b@y> 421 <c@y> 0 data 0 final 0\n"},
    {"421 in message text", in_data({C("half"), S("421 4.4.2 timeout\r\n")}),
     "begin\nabandoned <a@x> 250 <b@y> 250 data 354 final 0\n"},
    {"421 to the end of data", in_data({C("x\r\n.\r\n"), S("421 4.3.0 down\r\n")}),
     "begin\nend [x\\r\\n]\nover <a@x> 250 <b@y> 250 data 354 final 421\n"},
    {"421 between transactions",
     after_hello({S("421 4.4.2 idle\r\n"), C("MAIL FROM:<a@x>\r\n"), S("250 a\r\n")}),
     "over <a@x> 250 data 0 final 0\n"},

    // Replies of several lines to everything.
    {"replies of several lines",
     after_hello({C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n"),
                  S("250-2.1.0 a\r\n250 2.1.0 ok\r\n550-5.1.1 b\r\n550-5.1.1\r\n550 5.1.1\r\n"
                    "554-5.5.1\r\n554 5.5.1 no recipients\r\n")}),
     "begin\nabandoned <a@x> 250 <b@y> 550 data 554 final 0\n"},
    {"354 of several lines",
     after_hello({C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n"),
                  S("250 a\r\n250 b\r\n354-go\r\n354 on\r\n"), C("x\r\n.\r\n"),
                  S("250-ok\r\n250 ok\r\n")}),
     "begin\nend [x\\r\\n]\nover <a@x> 250 <b@y> 250 data 354 final 250\n"},

    // XCLIENT and XFORWARD (Postfix, XCLIENT_README and XFORWARD_README).
    {"XCLIENT",
     after_hello({C("XCLIENT NAME=spike.porcupine.org ADDR=168.100.189.2\r\n"), S("220 anew\r\n"),
                  C("EHLO spike.porcupine.org\r\n"), S("250 mx\r\n"),
                  C("MAIL FROM:<a@x>\r\nRSET\r\n"), S("250 a\r\n250 b\r\n")}),
     "over <a@x> 250 data 0 final 0\n"},
    {"XCLIENT, and CHUNKING that nobody announced since",
     after_hello({C("XCLIENT NAME=a ADDR=192.0.2.1\r\n"), S("220 anew\r\n"),
                  C("MAIL FROM:<a@x>\r\nBDAT 3 LAST\r\n"), S("250 a\r\n500 what\r\n"),
                  C("RSET\r\n"), S("250 ok\r\n")}),
     "over <a@x> 250 data 0 final 0 (unknown_verb)\n"},
    {"XCLIENT refused within a transaction",
     after_hello({C("MAIL FROM:<a@x>\r\n"), S("250 a\r\n"), C("XCLIENT ADDR=192.0.2.1\r\n"),
                  S("503 5.5.1 no\r\n"), C("RCPT TO:<b@y>\r\nRSET\r\n"), S("250 b\r\n250 c\r\n")}),
     "over <a@x> 250 <b@y> 250 data 0 final 0\n"},
    {"XFORWARD, EXPN and ETRN change nothing",
     after_hello(
         {C("XFORWARD NAME=spike ADDR=168.100.189.2 PROTO=ESMTP\r\nEXPN list\r\nETRN x\r\n"
            "MAIL FROM:<a@x>\r\nXFORWARD HELO=spike\r\nVRFY a\r\nRCPT TO:<b@y>\r\nRSET\r\n"),
          S("250 ok\r\n250-one\r\n250 two\r\n458 no\r\n251 a\r\n250 ok\r\n252 ok\r\n251 b\r\n"
            "250 ok\r\n")}),
     "over <a@x> 251 <b@y> 251 data 0 final 0\n"},

    // AUTH: what answers a 334 is no command, whatever the mechanism.
    {"AUTH CRAM-MD5, GSSAPI, EXTERNAL, XOAUTH2 and a cancelled one",
     after_hello({C("AUTH CRAM-MD5\r\n"),
                  S("334 PDE+\r\n"),
                  C("MAIL FROM:<z@x>\r\n"),
                  S("535 a\r\n"),
                  C("AUTH GSSAPI\r\n"),
                  S("334 \r\n"),
                  C("QUIT\r\n"),
                  S("334 YGY=\r\n"),
                  C("RSET\r\n"),
                  S("334 YGY=\r\n"),
                  C("\r\n"),
                  S("535 b\r\n"),
                  C("AUTH EXTERNAL =\r\n"),
                  S("535 c\r\n"),
                  C("AUTH XOAUTH2 dXNlcj0=\r\n"),
                  S("334 e30=\r\n"),
                  C("DATA\r\n"),
                  S("535 d\r\n"),
                  C("AUTH LOGIN\r\n"),
                  S("334 x\r\n"),
                  C("*\r\n"),
                  S("501 5.0.0 cancelled\r\n"),
                  C("MAIL FROM:<a@x>\r\nRSET\r\n"),
                  S("250 a\r\n250 b\r\n")}),
     "over <a@x> 250 data 0 final 0\n"},
    {"421 in an AUTH exchange",
     after_hello({C("AUTH LOGIN\r\n"), S("334 x\r\n"), C("dGVzdA==\r\n"), S("421 4.7.0 down\r\n"),
                  C("MAIL FROM:<a@x>\r\n"), S("250 a\r\n")}),
     "over <a@x> 250 data 0 final 0\n"},

    // Envelopes that the handler refuses.
    {"MAIL refused by us", after_hello({C("MAIL FROM:<bad@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n")}),
     "refused MAIL <bad@x>\nover <bad@x> 0 data 0 final 0\n", Step::kRefuse, false, "bad"},
    {"RCPT refused by us, behind others",
     after_hello({C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nRCPT TO:<c@y>\r\nRCPT TO:<bad@x>\r\n"),
                  S("250 a\r\n550 b\r\n"), S("250 c\r\n")}),
     "refused RCPT <bad@x>\n"
     "over <a@x> 250 <b@y> 550 <c@y> 250 <bad@x> 0 data 0 final 0\n",
     Step::kRefuse, false, "bad"},
    {"MAIL refused by us, the end of the message before it not answered yet",
     in_data({C("one\r\n.\r\nMAIL FROM:<bad@x>\r\n"), S("250 ok\r\n")}),
     "begin\nend [one\\r\\n]\nrefused MAIL <bad@x>\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250\nover <bad@x> 0 data 0 final 0\n",
     Step::kRefuse, false, "bad"},
    {"MAIL within a transaction refused by us",
     after_hello({C("MAIL FROM:<a@x>\r\n"), S("250 a\r\n"), C("MAIL FROM:<bad@x>\r\n")}),
     "refused MAIL <bad@x>\nover <a@x> 250 data 0 final 0\nover <bad@x> 0 data 0 final 0\n",
     Step::kRefuse, false, "bad"},
    {"MAIL within a message in chunks refused by us",
     after_hello({C("MAIL FROM:<a@x>\r\nBDAT 3\r\none"), S("250 a\r\n250 3\r\n"),
                  C("MAIL FROM:<bad@x>\r\n")}),
     "begin\nrefused MAIL <bad@x>\nabandoned <a@x> 250 data 250 final 0\n"
     "over <bad@x> 0 data 0 final 0\n",
     Step::kRefuse, false, "bad"},
    {"RCPT within a message in chunks is the server's to refuse",
     after_hello({C("MAIL FROM:<a@x>\r\nBDAT 3\r\none"), S("250 a\r\n250 3\r\n"),
                  C("RCPT TO:<bad@x>\r\n"), S("503 no\r\n"), C("BDAT 3 LAST\r\ntwo"),
                  S("250 ok\r\n")}),
     "begin\nend [onetwo]\nover <a@x> 250 <bad@x> 503 data 250 final 250\n", Step::kContinue, false,
     "bad"},
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
  recorder.refuse_address = GetParam().refuse_address;
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
  whole_recorder.refuse_address = GetParam().refuse_address;
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
    recorder.refuse_address = GetParam().refuse_address;
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
        // "BDAT 0 LAST\r", or a MAIL or RCPT line.
        EXPECT_LE(dialogue.passed.size(), whole_passed.size() + 24);
        if (*GetParam().refuse_address != '\0') {
          EXPECT_FALSE(dialogue.passed.ends_with("bad@x>\r\n"));
        } else {
          EXPECT_FALSE(dialogue.passed.ends_with("\r\n.\r\n"));
          EXPECT_FALSE(dialogue.passed.ends_with("\n.\n"));
          EXPECT_FALSE(dialogue.passed.ends_with("LAST\r\n"));
        }
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

// Behind each of these only the reply tells what comes next.
TEST(Session, waits_behind_what_changes_the_conversation) {
  for (const char* command : {"EHLO b\r\n", "HELO b\r\n", "STARTTLS\r\n", "AUTH PLAIN\r\n",
                              "XCLIENT ADDR=192.0.2.1\r\n", "XYZZY\r\n"}) {
    Recorder recorder;
    Dialogue dialogue(&recorder);
    dialogue.play(kHello);
    dialogue.play(C(std::string(command) + "NOOP\r\n"));
    EXPECT_EQ(dialogue.step, Step::kWait) << command;
    EXPECT_EQ(dialogue.held, "NOOP\r\n") << command;
    dialogue.play(S("550 no\r\n"));
    EXPECT_EQ(dialogue.step, Step::kContinue) << command;
    EXPECT_EQ(dialogue.held, "") << command;
  }
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
      // The example of Google's "XOAUTH2 Mechanism", and one without the end of its name.
      {"xoauth2",
       {C("AUTH XOAUTH2 dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk"
          "52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==\r\n"),
        S("235 ok\r\n")},
       "someuser@example.com"},
      {"xoauth2, of another form", {C("AUTH XOAUTH2 c2VjcmV0\r\n"), S("235 ok\r\n")}, ""},
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

TEST(Session, tells_how_the_login_went) {
  const struct {
    const char* name;
    std::vector<Turn> turns;
    const char* mechanism;
    AuthResult result;
    uint32_t failures;
  } cases[] = {
      {"none", {}, "", AuthResult::kNone, 0},
      {"under way", {C("AUTH LOGIN\r\n"), S("334 x\r\n")}, "LOGIN", AuthResult::kUnanswered, 0},
      {"accepted",
       {C("auth external =\r\n"), S("235 ok\r\n")},
       "EXTERNAL",
       AuthResult::kAccepted,
       0},
      {"refused twice",
       {C("AUTH PLAIN AGEAYg==\r\n"), S("535 5.7.8 no\r\n"), C("AUTH CRAM-MD5\r\n"),
        S("334 PDE+\r\n"), C("eA==\r\n"), S("454 4.7.0 later\r\n")},
       "CRAM-MD5",
       AuthResult::kRefused,
       2},
      {"refused, then accepted",
       {C("AUTH LOGIN AA==\r\n"), S("535 no\r\n"), C("AUTH GSSAPI AA==\r\n"), S("334 \r\n"),
        C("\r\n"), S("235 ok\r\n")},
       "GSSAPI",
       AuthResult::kAccepted,
       1},
      {"cancelled",
       {C("AUTH NTLM\r\n"), S("334 x\r\n"), C("*\r\n"), S("501 5.0.0 ok\r\n")},
       "NTLM",
       AuthResult::kCancelled,
       0},
      {"a mechanism that the server lacks",
       {C("AUTH SCRAM-SHA-256\r\n"), S("504 5.5.4 no\r\n")},
       "SCRAM-SHA-256",
       AuthResult::kRefused,
       0},
      {"what stands in the mechanism's place may be a password",
       {C("AUTH hunter2\r\n"), S("504 no\r\n")},
       "other",
       AuthResult::kRefused,
       0},
      {"a second one is an error",
       {C("AUTH LOGIN AA==\r\n"), S("235 ok\r\n"), C("AUTH PLAIN AA==\r\n"), S("503 no\r\n")},
       "LOGIN",
       AuthResult::kAccepted,
       0},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Recorder recorder;
    Dialogue dialogue(&recorder);
    dialogue.play(kHello);
    dialogue.play(c.turns);
    EXPECT_EQ(dialogue.session.auth().mechanism(), c.mechanism);
    EXPECT_EQ(dialogue.session.auth().result(), c.result);
    EXPECT_EQ(dialogue.session.auth().failures(), c.failures);
  }
}

// Whatever the exchange and wherever it is cut, the password is in no object's memory behind it,
// neither as it was sent nor decoded.
TEST(Session, keeps_no_password_in_memory) {
  // base64 of "hunter2secret", alone and behind "\0bob\0".
  const std::string password = "hunter2secret", coded = "aHVudGVyMnNlY3JldA==";
  const std::string plain = "AGJvYgBodW50ZXIyc2VjcmV0";
  const std::vector<Turn> cases[] = {
      {C("AUTH PLAIN " + plain + "\r\n"), S("235 ok\r\n")},
      {C("AUTH PLAIN " + plain + "\r\n"), S("535 no\r\n")},
      {C("AUTH PLAIN\r\n"), S("334 \r\n"), C(plain + "\r\n"), S("235 ok\r\n")},
      {C("AUTH LOGIN\r\n"), S("334 u\r\n"), C("Ym9i\r\n"), S("334 p\r\n"), C(coded + "\r\n"),
       S("235 ok\r\n")},
      {C("AUTH CRAM-MD5\r\n"), S("334 x\r\n"), C(coded + "\r\n"), S("535 no\r\n")},
      // Not PLAIN's form, the password where the name belongs.
      {C("AUTH PLAIN " + coded + "\r\n"), S("535 no\r\n")},
      {C("AUTH XOAUTH2 " + coded + "\r\n"), S("535 no\r\n")},
      {C("AUTH " + password + "\r\n"), S("504 no\r\n")},
      // The connection ends in the middle of the line.
      {C("AUTH PLAIN " + plain)},
      {C("AUTH LOGIN\r\n"), S("334 u\r\n"), C("Ym9i\r\n"), S("334 p\r\n"), C(coded)},
  };
  for (size_t i = 0; i < std::size(cases); ++i) {
    for (const size_t longest : {SIZE_MAX, size_t{1}, size_t{9}}) {
      SCOPED_TRACE(testing::Message() << "case " << i << ", pieces of " << longest);
      Recorder recorder;
      recorder.transactions_allowed = 1;
      Dialogue dialogue(&recorder);
      dialogue.play(kHello);
      for (const Turn& turn : cases[i]) dialogue.play(turn, [&] { return longest; });
      dialogue.session.close();
      Transaction* used = recorder.take_transaction();
      ASSERT_NE(used, nullptr);
      const auto memory_of = [](const auto& object) {
        return std::string_view(reinterpret_cast<const char*>(&object), sizeof object);
      };
      for (const std::string& text : {password, coded.substr(0, 8), plain.substr(8, 8)}) {
        EXPECT_EQ(memory_of(*used).find(text), std::string_view::npos) << text;
        EXPECT_EQ(memory_of(dialogue.session).find(text), std::string_view::npos) << text;
      }
      recorder.give_transaction(used);
    }
  }
}

TEST(Session, tells_its_conduct) {
  Recorder recorder;
  Dialogue dialogue(&recorder);
  dialogue.play(kHello);
  EXPECT_TRUE(dialogue.session.conduct().tls_offered);
  EXPECT_FALSE(dialogue.session.conduct().pipelined);
  dialogue.play({C("MAIL FROM:<>\r\n"), S("250 ok\r\n"), C("RCPT TO:<a@y>\r\n"), S("550 no\r\n"),
                 C("RCPT TO:<b@y>\r\n"), S("250 ok\r\n")});
  EXPECT_FALSE(dialogue.session.conduct().pipelined);
  EXPECT_FALSE(dialogue.session.conduct().chunked);
  dialogue.play({C("RCPT TO:<c@y>\r\nBDAT 2 LAST\r\nhi"), S("452 no\r\n250 ok\r\n")});
  EXPECT_TRUE(dialogue.session.conduct().pipelined);
  EXPECT_TRUE(dialogue.session.conduct().chunked);
  EXPECT_EQ(dialogue.session.conduct().null_senders, 1u);
  EXPECT_EQ(dialogue.session.conduct().recipients_count, 3u);
  EXPECT_EQ(dialogue.session.conduct().recipients_rejected, 2u);
  EXPECT_FALSE(dialogue.session.conduct().tls_started);
  dialogue.play({C("STARTTLS\r\n"), S("220 go\r\n")});
  EXPECT_TRUE(dialogue.session.conduct().tls_started);
}

TEST(Session, a_greeting_that_is_waited_for_makes_no_pipelining) {
  Recorder recorder;
  Dialogue dialogue(&recorder);
  dialogue.play({C("HELO a\r\n"), S("220 mx\r\n250 mx\r\n")});
  EXPECT_FALSE(dialogue.session.conduct().pipelined);
  EXPECT_EQ(anomaly_list(dialogue.session.anomalies()), "early_talker");
}

// What the client has sent of what was refused: the responder goes on behind it.
TEST(Session, says_how_much_of_the_rest_was_refused) {
  const struct {
    std::vector<Turn> turns;
    std::string_view refused;
  } cases[] = {
      {in_data({C("SPAM\r\n.\r\nQUIT\r\n")}), ".\r\n"},
      {after_hello({C("MAIL FROM:<a@x>\r\nBDAT 4 LAST\r\nSPAMQUIT\r\n")}), "M"},
      {after_hello({C("MAIL FROM:<a@x>\r\nBDAT 4\r\nSPAMBDAT 0 LAST\r\nQUIT\r\n")}),
       "BDAT 0 LAST\r\n"},
      {after_hello({C("MAIL FROM:<bad@x> SIZE=1\r\nRCPT TO:<b@y>\r\n")}),
       "MAIL FROM:<bad@x> SIZE=1\r\n"},
      {after_hello({C("MAIL FROM:<a@x>\r\nRCPT TO:<b"), C("ad@x>\r\nDATA\r\n")}), "ad@x>\r\n"},
  };
  for (const auto& c : cases) {
    Recorder recorder;
    recorder.refuse_address = "bad";
    Dialogue dialogue(&recorder);
    dialogue.play(c.turns);
    ASSERT_EQ(dialogue.step, Step::kRefuse);
    const auto* rest = reinterpret_cast<const uint8_t*>(dialogue.held.data());
    const size_t octets = dialogue.session.refused_octets({rest, dialogue.held.size()});
    EXPECT_EQ(dialogue.held.substr(0, octets), c.refused);
  }
}

TEST(Session, a_refused_envelope_waits_for_the_replies_to_earlier_commands) {
  Recorder recorder;
  recorder.refuse_address = "bad";
  Dialogue dialogue(&recorder);
  dialogue.play(kHello);
  dialogue.play(C("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nRCPT TO:<bad@x>\r\nDATA\r\n"));
  EXPECT_EQ(dialogue.step, Step::kRefuse);
  EXPECT_TRUE(dialogue.passed.ends_with("RCPT TO:<b@y>\r\n"));
  EXPECT_EQ(dialogue.session.refusal(), "550 5.7.1 not you\r\n");
  EXPECT_EQ(dialogue.session.replies_outstanding(), 2u);
  dialogue.play(S("250 a\r\n"));
  EXPECT_EQ(recorder.log, "refused RCPT <bad@x>\n");
  dialogue.play(S("250 b\r\n"));
  EXPECT_EQ(dialogue.session.replies_outstanding(), 0u);
  EXPECT_EQ(dialogue.session.refusal(), "550 5.7.1 not you\r\n");
  EXPECT_EQ(recorder.log,
            "refused RCPT <bad@x>\nover <a@x> 250 <b@y> 250 <bad@x> 0 data 0 final 0\n");
}

struct MaskCase {
  const char* said;
  const char* heard;  // in one piece
};

const MaskCase kMasked[] = {
    {"250-mx\r\n250-STARTTLS\r\n250 SIZE\r\n", "250-mx\r\n250-XXXXXXXX\r\n250 SIZE\r\n"},
    {"250-mx\r\n250-SIZE\r\n250 starttls\r\n", "250-mx\r\n250-SIZE\r\n250 XXXXXXXX\r\n"},
    {"250-mx\n250 StartTLS\n", "250-mx\n250 XXXXXXXX\n"},
    // Clients pass over blanks, and some read the first line as well.
    {"250-mx\r\n250-  STARTTLS required\r\n250 \tSTARTTLS\r\n",
     "250-mx\r\n250-  XXXXXXXX required\r\n250 \tXXXXXXXX\r\n"},
    {"250 STARTTLS\r\n", "250 XXXXXXXX\r\n"},
    {"250-mx\r\n250 STARTTLSNOW\r\n", "250-mx\r\n250 XXXXXXXXNOW\r\n"},
    {"250-mx\r\n250-XSTARTTLS\r\n250-STARTTL\r\n250-STARTTTLS\r\n250 HELP STARTTLS\r\n",
     "250-mx\r\n250-XSTARTTLS\r\n250-STARTTL\r\n250-STARTTTLS\r\n250 HELP STARTTLS\r\n"},
};

TEST(Session, masks_STARTTLS_in_the_EHLO_reply) {
  for (const MaskCase& c : kMasked) {
    SCOPED_TRACE(c.said);
    Recorder recorder;
    Dialogue dialogue(&recorder);
    dialogue.session.mask_starttls(true);
    EXPECT_FALSE(dialogue.session.may_rewrite());
    dialogue.play({S("220 STARTTLS\r\n"), C("EHLO a\r\n")});
    EXPECT_TRUE(dialogue.session.may_rewrite());
    dialogue.play(S(c.said));
    EXPECT_FALSE(dialogue.session.may_rewrite());
    EXPECT_EQ(dialogue.heard, std::string("220 STARTTLS\r\n") + c.heard);
    // Nor anywhere else.
    dialogue.play({C("HELP\r\n"), S("250-STARTTLS\r\n250 STARTTLS\r\n")});
    EXPECT_TRUE(dialogue.heard.ends_with("250-STARTTLS\r\n250 STARTTLS\r\n"));
  }
}

// Cut anywhere, the client never reads the keyword: what has not passed yet of it is overwritten.
TEST(Session, masks_STARTTLS_wherever_the_reply_is_cut) {
  for (const MaskCase& c : kMasked) {
    const std::string said = c.said, whole = c.heard;
    for (size_t cut = 1; cut < said.size(); ++cut) {
      for (const size_t longest : {SIZE_MAX, size_t{1}}) {
        Recorder recorder;
        Dialogue dialogue(&recorder);
        dialogue.session.mask_starttls(true);
        dialogue.play({S("220 mx\r\n"), C("EHLO a\r\n")});
        dialogue.heard.clear();
        dialogue.play(S(said.substr(0, cut)), [&] { return longest; });
        dialogue.play(S(said.substr(cut)), [&] { return longest; });
        ASSERT_EQ(dialogue.heard.size(), said.size());
        for (size_t at = 0; at + 8 <= said.size(); ++at) {
          if (whole.compare(at, 8, "XXXXXXXX") != 0) continue;
          EXPECT_EQ(dialogue.heard[at + 7], 'X') << cut;
          dialogue.heard.replace(at, 8, "XXXXXXXX");
        }
        EXPECT_EQ(dialogue.heard, whole) << cut;
      }
    }
  }
}

TEST(Session, what_is_masked_is_still_known) {
  Recorder recorder;
  Dialogue dialogue(&recorder);
  dialogue.session.mask_starttls(true);
  dialogue.play(kHello);
  EXPECT_TRUE(dialogue.session.conduct().tls_offered);
  EXPECT_TRUE(dialogue.session.extensions() & static_cast<uint8_t>(Extension::kChunking));
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
