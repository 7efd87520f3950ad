#include "dataplane/smtp/responder.h"

#include <gtest/gtest.h>

#include <string>

namespace postern::smtp {
namespace {

const CaseReference kRefusedCase = *CaseReference::parse("7F3A");
const IpAddress kRefusedClient = *IpAddress::parse("192.0.2.7");

struct Exchange {
  std::string said;
  bool closed = false;
  std::string rest;  // of the client's bytes
};

Exchange play(Responder::Mode mode, std::string_view client, size_t segment = SIZE_MAX,
              size_t room = 8192) {
  const ReplyTexts texts("gate.example");
  Responder responder;
  responder.begin(mode, &texts, kRefusedCase, kRefusedClient);
  std::vector<char> out(room);
  Responder::Answer answer = responder.open(out);
  Exchange exchange{std::string(out.data(), answer.written), answer.close, ""};
  std::string held;
  while (!exchange.closed && (!client.empty() || !held.empty())) {
    const size_t before = held.size();
    held += client.substr(0, segment);
    client.remove_prefix(std::min(segment, client.size()));
    answer =
        responder.client_bytes({reinterpret_cast<const uint8_t*>(held.data()), held.size()}, out);
    exchange.said.append(out.data(), answer.written);
    exchange.closed = answer.close;
    held.erase(0, answer.consumed);
    if (answer.consumed == 0 && held.size() == before) break;
  }
  exchange.rest = held + std::string(client);
  return exchange;
}

using Mode = Responder::Mode;

TEST(Responder, refuses_each_MAIL_of_a_blocked_sender) {
  for (const size_t segment : {SIZE_MAX, size_t{1}}) {
    const Exchange e =
        play(Mode::kBlocked, "EHLO a\r\nMAIL FROM:<a@x>\r\nRSET\r\nMAIL FROM:<b@x>\r\nQUIT\r\n",
             segment);
    EXPECT_EQ(e.said,
              "220 gate.example ESMTP\r\n"
              "250 gate.example\r\n"
              "550 5.7.1 Sending from 192.0.2.7 is blocked (case 0000007F3A)\r\n"
              "250 2.0.0 Ok\r\n"
              "550 5.7.1 Sending from 192.0.2.7 is blocked (case 0000007F3A)\r\n"
              "221 2.0.0 Bye\r\n");
    EXPECT_TRUE(e.closed);
  }
}

TEST(Responder, answers_every_command_of_a_blocked_sender_in_order) {
  const Exchange e =
      play(Mode::kBlocked,
           "HELO a\r\nVRFY b\r\nSTARTTLS\r\nAUTH PLAIN x\r\nRCPT TO:<b@y>\r\nDATA\r\n"
           "BDAT 3 LAST\r\nXYZZY\r\n\r\nnoop\n");
  EXPECT_EQ(e.said,
            "220 gate.example ESMTP\r\n250 gate.example\r\n252 2.0.0 Not verified\r\n"
            "454 4.7.0 TLS not available\r\n"
            "550 5.7.1 Sending from 192.0.2.7 is blocked (case 0000007F3A)\r\n"
            "554 5.5.1 No mail transaction\r\n554 5.5.1 No mail transaction\r\n"
            "554 5.5.1 No mail transaction\r\n554 5.5.1 No mail transaction\r\n"
            "554 5.5.1 No mail transaction\r\n250 2.0.0 Ok\r\n");
  EXPECT_FALSE(e.closed);
}

TEST(Responder, ends_a_blocked_connection_after_ten_commands) {
  std::string client;
  for (int i = 0; i < 20; ++i) client += "NOOP\r\n";
  const Exchange e = play(Mode::kBlocked, client);
  std::string expected = "220 gate.example ESMTP\r\n";
  for (int i = 0; i < 10; ++i) expected += "250 2.0.0 Ok\r\n";
  EXPECT_EQ(e.said, expected + "421 4.7.0 gate.example Closing connection\r\n");
  EXPECT_TRUE(e.closed);
}

TEST(Responder, reads_the_beginning_of_a_long_line) {
  EXPECT_EQ(play(Mode::kBlocked, "NOOP " + std::string(100000, 'x') + "\r\n", 1000).said,
            "220 gate.example ESMTP\r\n250 2.0.0 Ok\r\n");
  EXPECT_EQ(play(Mode::kBlocked, std::string(100000, 'x')).said, "220 gate.example ESMTP\r\n");
}

TEST(Responder, after_a_refusal_answers_QUIT) {
  const Exchange e = play(Mode::kAfterRefusal, "quit\r\n", 2);
  EXPECT_EQ(e.said, "221 2.0.0 Bye\r\n");
  EXPECT_TRUE(e.closed);
}

TEST(Responder, after_a_refusal_ends_anything_else) {
  for (const char* line : {"RSET\r\n", "MAIL FROM:<a@x>\r\n", "\r\n", "NOOP\r\nQUIT\r\n"}) {
    const Exchange e = play(Mode::kAfterRefusal, line);
    EXPECT_EQ(e.said, "421 4.7.0 gate.example Closing connection\r\n") << line;
    EXPECT_TRUE(e.closed);
  }
  EXPECT_EQ(play(Mode::kAfterRefusal, "QUIT").said, "");
}

TEST(Responder, defers_at_connect) {
  const Exchange e = play(Mode::kDeferred, "EHLO a\r\n");
  EXPECT_EQ(e.said, "421 4.7.0 gate.example Try again later\r\n");
  EXPECT_TRUE(e.closed);
}

TEST(Responder, reads_no_further_than_its_answers_fit) {
  // Room for one reply at a time: nothing is lost, it is only taken later.
  EXPECT_EQ(play(Mode::kBlocked, "NOOP\r\nNOOP\r\nQUIT\r\n", SIZE_MAX, kReplyLineBytes).said,
            "220 gate.example ESMTP\r\n250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n221 2.0.0 Bye\r\n");
}

}  // namespace
}  // namespace postern::smtp
