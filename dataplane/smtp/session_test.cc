// What a session lets pass, holds back and refuses, and what it knows of its client.
#include "dataplane/smtp/session.h"

#include <gtest/gtest.h>

#include "dataplane/smtp/testing/conversation.h"

namespace postern::smtp {
namespace {

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
