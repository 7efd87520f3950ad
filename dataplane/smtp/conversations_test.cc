// Conversations as the RFCs write them, and what the handler is told of them, however they are cut.
#include "dataplane/smtp/session.h"

#include <gtest/gtest.h>

#include <random>

#include "dataplane/smtp/testing/conversation.h"

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
    // Exim takes what is behind the 16,384th octet of a line for the next command.
    {"a command longer than servers read as one",
     after_hello({C("MAIL FROM:<a@x>\r\n"), S("250 a\r\n"),
                  C("NOOP " + std::string(16380, 'x') + "DATA\r\n")}),
     "over <a@x> 250 data 0 final 0 (long_command_line)\n", Step::kRefuse},
    {"a long line of AUTH, as RFC 4954 4 has it",
     after_hello({C("AUTH XOAUTH2 " + std::string(12288 - 15, 'x') + "\r\n"), S("535 no\r\n"),
                  C("MAIL FROM:<a@x>\r\nRSET\r\n"), S("250 a\r\n250 b\r\n")}),
     "over <a@x> 250 data 0 final 0 (long_command_line)\n"},
    {"a line of AUTH that is too long",
     after_hello({C("AUTH XOAUTH2 " + std::string(12288 - 14, 'x') + "\r\n")}), "", Step::kRefuse},
    {"an answer to AUTH that is too long",
     after_hello({C("AUTH PLAIN\r\n"), S("334 \r\n"), C(std::string(12287, 'x') + "\r\n")}), "",
     Step::kRefuse},
    {"a server that finds DATA where there is none",
     after_hello({C("NOOP x\r\nHELP y\r\n"), S("500 x\r\n354 go\r\n"), C("HELP spam\r\n.\r\n")}),
     "", Step::kWait},
    {"a server that finds DATA where there is none, and an EHLO behind it",
     after_hello({C("HELP y\r\nEHLO b\r\n"), S("354 go\r\n250 mx\r\n"), C("HELP spam\r\n.\r\n")}),
     "", Step::kWait},
    {"a server that asks for text unasked",
     after_hello({C("NOOP x\r\n"), S("500 x\r\n354 go\r\n"), C("HELP spam\r\n.\r\n")}), "",
     Step::kWait},
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
    {"connection lost behind a MAIL between chunks",
     after_hello({C("MAIL FROM:<a@x>\r\nBDAT 3\r\none"), S("250 a\r\n250 3\r\n"),
                  C("MAIL FROM:<c@x>\r\n")}),
     "begin\nabandoned <a@x> 250 data 250 final 0\nover <c@x> 0 data 0 final 0\n"},
    {"354 to a MAIL between chunks",
     after_hello({C("MAIL FROM:<a@x>\r\nBDAT 3\r\none"), S("250 a\r\n250 3\r\n"),
                  C("MAIL FROM:<c@x>\r\n"), S("354 go\r\n"), C("x")}),
     "begin\nabandoned <a@x> 250 data 250 final 0\n"
     "over <c@x> 0 data 0 final 0 (reply_out_of_turn)\n",
     Step::kWait},
    // Some servers take it there, once a chunk was refused.
    {"RCPT within a message in chunks",
     after_hello({C("MAIL FROM:<a@x>\r\nBDAT 3\r\none"), S("250 a\r\n503 no\r\n"),
                  C("RCPT TO:<bad@x>\r\n")}),
     "begin\nrefused RCPT <bad@x>\nabandoned <a@x> 250 <bad@x> 0 data 503 final 0\n", Step::kRefuse,
     false, "bad"},
    // What a server does not take for BDAT it reads the octets of as commands.
    {"BDAT not as RFC 3030 writes it",
     after_hello({C("MAIL FROM:<a@x>\r\n"), S("250 a\r\n"), C(" BDAT 6\r\n"), S("500 x\r\n"),
                  C("BDAT\t6\r\n"), S("500 x\r\n"), C("BDAT  6\r\n"), S("500 x\r\n"), C("RSET\r\n"),
                  S("250 ok\r\n")}),
     "over <a@x> 250 data 0 final 0 (unknown_verb)\n"},
    {"BDAT LAST that the server takes for no command",
     after_hello({C("MAIL FROM:<a@x>\r\n"), S("250 a\r\n"), C("BDAT 6 LAST\r\nDA"),
                  S("500 what\r\n"), C("TA\r\nspam\r\n.\r\n")}),
     "begin\nabandoned <a@x> 250 data 0 final 500\n", Step::kWait},
    // NULs, which some servers drop.
    {"NUL before a lone dot", in_data({C(std::string("a\r\n\0.\r\nb\r\n.\r\n", 13))}),
     "begin\ndubious\nover <a@x> 250 <b@y> 250 data 354 final 0 (nul_byte,nul_dot)\n",
     Step::kRefuse, true},
    {"NUL behind a lone dot", in_data({C(std::string("a\r\n.\0\r\nb\r\n.\r\n", 13))}),
     "begin\ndubious\nover <a@x> 250 <b@y> 250 data 354 final 0 (nul_byte,nul_dot)\n",
     Step::kRefuse, true},
    {"NULs elsewhere", in_data({C(std::string("\0a.\0b\r\nc\0.\r\n.\r\n", 15)), S("250 ok\r\n")}),
     "begin\nend [\\0a.\\0b\\r\\nc\\0.\\r\\n]\n"
     "over <a@x> 250 <b@y> 250 data 354 final 250 (nul_byte)\n"},
};

// The transaction keeps 3,072 octets of addresses and 100 recipients; the others are judged too.
TEST(Envelopes, AreJudgedWhereThereIsNoRoomToKeepThem) {
  for (const std::string& crowd :
       {"RCPT TO:<" + std::string(1200, 'b') + "@x>\r\n", std::string("RCPT TO:<c@x>\r\n")}) {
    Recorder recorder;
    recorder.refuse_address = "@bad";
    Dialogue dialogue(&recorder);
    dialogue.play(after_hello({C("MAIL FROM:<a@x>\r\n"), S("250 a\r\n")}));
    for (int i = 0; i < 100; ++i) dialogue.play({C(crowd), S("250 b\r\n")});
    EXPECT_EQ(dialogue.step, Step::kContinue);
    dialogue.play(C("RCPT TO:<c@bad>\r\n"));
    EXPECT_EQ(dialogue.step, Step::kRefuse);
    EXPECT_EQ(recorder.log, "refused RCPT <c@bad>\n" + recorder.log.substr(21));
  }
}

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
        // "BDAT 0 LAST\r", a MAIL or RCPT line, or as much of a line as may pass.
        EXPECT_EQ(all.substr(whole_passed.size(), dialogue.passed.size() - whole_passed.size())
                      .find("\r\n", 4),
                  std::string::npos);
        EXPECT_LE(dialogue.passed.size(), whole_passed.size() + Limits::kAuthLine);
        if (*GetParam().refuse_address != '\0') {
          EXPECT_FALSE(dialogue.passed.ends_with(">\r\n") &&
                       dialogue.passed.size() > whole_passed.size());
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

}  // namespace
}  // namespace postern::smtp
