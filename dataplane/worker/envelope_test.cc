// What passes of a conversation besides its messages: envelopes that are refused, STARTTLS that is
// hidden, and what an event tells of a connection. Packets in, packets out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/worker/testing/wire.h"

namespace postern::worker {
namespace {

using packet::kAck;
using packet::kFin;
using packet::kPsh;
using packet::kRst;
using testing::as_sent;
using testing::Dialogue;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kHam;
using testing::Packet;
using testing::Side;
using ::testing::SizeIs;
using ::testing::StartsWith;
using testing::Wire;
using verdict::Treatment;

// --- Envelopes. A sender that is blocked while its connection is open is refused at its next one.

TEST(Envelope, MailIsRefusedBeforeItsLinePasses) {
  Wire wire;
  Dialogue d(wire);
  d.until_mail();
  wire.verdicts.verdict.treatment = Treatment::kRefuse;
  wire.verdicts.verdict.case_reference = CaseReference{42};
  const auto sent = d.client("MAIL FROM:<a@b.example>\r\n");
  ASSERT_THAT(sent, SizeIs(3));
  // The server hears nothing of the line, then a RST at its next byte.
  EXPECT_EQ(sent[0].out, Side::kOutside);
  EXPECT_EQ(sent[0].segment.payload, "");
  EXPECT_EQ(sent[1].out, Side::kInside);
  EXPECT_THAT(sent[1].segment.payload, StartsWith("550 5.7.1 Sending from 192.0.2.7 is blocked"));
  EXPECT_THAT(sent[1].segment.payload, HasSubstr("(case 000000001A)"));
  EXPECT_EQ(sent[1].segment.seq, d.server_next);
  EXPECT_EQ(sent[1].segment.ack, d.client_next);
  EXPECT_EQ(sent[2].out, Side::kOutside);
  EXPECT_EQ(sent[2].segment.flags, kRst | kAck);
  EXPECT_EQ(sent[2].segment.seq, d.client_next - 25);
  EXPECT_EQ(wire.counters.get(Counter::kEnvelopesRefused), 1u);
  ASSERT_THAT(wire.events.events, SizeIs(1));
  const Event& event = wire.events.events[0];
  EXPECT_EQ(event.kind, EventKind::kMessage);
  EXPECT_EQ(event.outcome, Outcome::kRefusedVerdict);
  EXPECT_EQ(event.case_reference.number, 42u);
  EXPECT_EQ(event.mail_from.view(), "a@b.example");
  EXPECT_EQ(event.message_bytes, 0u);
  // Whoever goes on is told to come back, so that other mail is not lost.
  d.server_next += static_cast<uint32_t>(sent[1].segment.payload.size());
  const auto next = d.client("RCPT TO:<c@d.example>\r\n");
  ASSERT_THAT(next, SizeIs(1));
  EXPECT_THAT(next[0].segment.payload, StartsWith("421 4."));
}

TEST(Envelope, ARecipientIsRefusedBehindTheRepliesToEarlierCommands) {
  Wire wire;
  Dialogue d(wire);
  d.open();
  d.server("220 mx.example ESMTP\r\n");
  d.client("EHLO client.example\r\n");
  d.server("250-mx.example\r\n250 PIPELINING\r\n");
  d.client("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n");
  wire.verdicts.verdict.treatment = Treatment::kRefuse;
  const std::string rest = "RCPT TO:<e@f.example>\r\nDATA\r\n";
  EXPECT_THAT(d.client(rest), SizeIs(1));  // an acknowledgement without a byte of it
  // The replies pass as they come; the refusal is behind the last.
  const auto reply = [&](const std::string& text) {
    Packet packet = d.server_packet(text);
    packet.ack -= static_cast<uint32_t>(rest.size());  // the server has not had it
    d.server_next += static_cast<uint32_t>(text.size());
    return wire.from_server(packet);
  };
  EXPECT_THAT(reply("250 2.1.0 Ok\r\n"), SizeIs(1));
  const auto sent = reply("250 2.1.5 Ok\r\n");
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(sent[0].segment.payload, "250 2.1.5 Ok\r\n");
  EXPECT_THAT(sent[1].segment.payload, StartsWith("550 5.7.1 "));
  EXPECT_EQ(sent[1].segment.seq, d.server_next);
  // It answers the RCPT line; DATA, which the client sends again, is answered by itself.
  EXPECT_EQ(sent[1].segment.ack, d.client_next - 6);
  d.server_next += static_cast<uint32_t>(sent[1].segment.payload.size());
  d.client_next -= 6;
  const auto next = d.client("DATA\r\n");
  ASSERT_FALSE(next.empty());
  EXPECT_THAT(next.back().segment.payload, StartsWith("421 4."));
  ASSERT_THAT(wire.events.events, SizeIs(1));
  EXPECT_EQ(wire.events.events[0].recipients_count, 2u);
  EXPECT_EQ(wire.events.events[0].recipients[1].view(), "e@f.example");
}

TEST(Envelope, OfARefusedLineInSegmentsTheEndDoesNotPass) {
  Wire wire;
  Dialogue d(wire);
  d.until_mail();
  wire.verdicts.verdict.treatment = Treatment::kRefuse;
  EXPECT_THAT(d.client("MAIL FROM:<a@b."), SizeIs(1));
  EXPECT_THAT(wire.events.events, IsEmpty());
  const auto sent = d.client("example>\r\n");
  ASSERT_THAT(sent, SizeIs(3));
  EXPECT_EQ(sent[0].segment.payload, "");
  EXPECT_THAT(sent[1].segment.payload, StartsWith("550 5.7.1 "));
}

TEST(Envelope, IsNotJudgedWhereOnlyObserved) {
  PipelineConfig config = Wire::small();
  config.observe_only = true;
  Wire wire(config);
  Dialogue d(wire);
  d.until_mail();
  wire.verdicts.verdict.treatment = Treatment::kRefuse;
  const Packet mail = d.client_packet("MAIL FROM:<a@b.example>\r\n");
  EXPECT_EQ(wire.from_client(mail), as_sent(mail, Side::kOutside));
}

// --- Envelopes that are spam by themselves: the stand-in scanner scores the literal.

TEST(EnvelopeRules, RefuseTheRecipientThatTheyAreAbout) {
  Wire wire;
  Dialogue d(wire);
  d.until_mail();
  EXPECT_THAT(d.client("MAIL FROM:<a@b.example>\r\n"), SizeIs(1));
  d.server("250 2.1.0 Ok\r\n");
  EXPECT_THAT(d.client("RCPT TO:<c@d.example>\r\n"), SizeIs(1));
  d.server("250 2.1.5 Ok\r\n");
  const auto sent = d.client("RCPT TO:<SPAM-HERE@f.example>\r\n");
  ASSERT_THAT(sent, SizeIs(3));
  EXPECT_THAT(sent[1].segment.payload, StartsWith("550 5.7.1 Sender or recipient refused"));
  ASSERT_THAT(wire.events.events, SizeIs(1));
  const Event& event = wire.events.events[0];
  EXPECT_EQ(event.outcome, Outcome::kRefusedEnvelope);
  EXPECT_EQ(event.score, 10);
  EXPECT_EQ(event.rules_count, 1u);
  EXPECT_EQ(event.recipients[1].view(), "SPAM-HERE@f.example");
  EXPECT_EQ(wire.counters.get(Counter::kEnvelopesRefused), 1u);
}

TEST(EnvelopeRules, AreNotAskedOfASenderThatIsNotInspected) {
  for (const Treatment treatment : {Treatment::kPass, Treatment::kInspect}) {
    Wire wire;
    Dialogue d(wire);
    d.until_mail();
    wire.verdicts.verdict.treatment = treatment;
    const auto sent = d.client("MAIL FROM:<SPAM-HERE@b.example>\r\n");
    EXPECT_EQ(sent.size() == 1, treatment == Treatment::kPass);
  }
}

// --- Smuggling. The whole text has been seen when the end comes.

struct Smuggled {
  const char* text;
  bool refused;
};
class Smuggling : public ::testing::TestWithParam<Smuggled> {};
INSTANTIATE_TEST_SUITE_P(Text, Smuggling,
                         ::testing::Values(Smuggled{"a\r\nb\r\n.\r\n", false},
                                           Smuggled{"a\nb\r\n.\r\n", true},
                                           Smuggled{"a\rb\r\n.\r\n", true},
                                           Smuggled{"a\n.\nb\r\n.\r\n", true},
                                           Smuggled{"a\r\n.\rb\r\n.\r\n", true}));

TEST_P(Smuggling, IsRefusedOrCounted) {
  for (const bool refuse : {true, false}) {
    PipelineConfig config = Wire::small();
    config.refuse_smuggling = refuse;
    Wire wire(config);
    Dialogue d(wire);
    d.until_data();
    const auto sent = d.client("Subject: x\r\n\r\n" + std::string(GetParam().text));
    if (refuse && GetParam().refused) {
      ASSERT_GE(sent.size(), 2u);
      EXPECT_THAT(sent[1].segment.payload,
                  StartsWith("550 5.6.0 Message refused: bare CR or LF in its text"));
      EXPECT_EQ(wire.counters.get(Counter::kMessagesRefusedSmuggling), 1u);
    } else {
      EXPECT_THAT(sent, SizeIs(1));
      EXPECT_EQ(wire.counters.get(Counter::kMessagesRefusedSmuggling), 0u);
      d.server("250 ok\r\n");
    }
    ASSERT_THAT(wire.events.events, SizeIs(1));
    EXPECT_EQ((wire.events.events[0].smtp_anomalies & smtp::kSmugglingAnomalies) != 0,
              GetParam().refused);
  }
}

TEST(Smuggling, OfChunksIsOnlyCounted) {
  Wire wire;
  Dialogue d(wire);
  d.open();
  d.server("220 mx.example ESMTP\r\n");
  d.client("EHLO client.example\r\n");
  d.server("250-mx.example\r\n250 CHUNKING\r\n");
  d.client("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n");
  d.server("250 ok\r\n250 ok\r\n");
  EXPECT_THAT(d.client("BDAT 12 LAST\r\nA: b\n\na\n.\r\nb"), SizeIs(1));
  EXPECT_THAT(d.server("250 ok\r\n"), SizeIs(1));
  ASSERT_THAT(wire.events.events, SizeIs(1));
  EXPECT_EQ(wire.events.events[0].outcome, Outcome::kForwarded);
  EXPECT_EQ(wire.events.events[0].smtp_anomalies,
            static_cast<uint32_t>(smtp::Anomaly::kBareLineFeed) |
                static_cast<uint32_t>(smtp::Anomaly::kLfDotCrlf));
}

// --- STARTTLS hidden.

const std::string kReply = "250-mx.example\r\n250-STARTTLS\r\n250 SIZE\r\n";
const std::string kMasked = "250-mx.example\r\n250-XXXXXXXX\r\n250 SIZE\r\n";

struct Masking {
  explicit Masking(bool by_verdict = true, bool observe_only = false) {
    PipelineConfig config = Wire::small();
    config.mask_starttls = !by_verdict;
    config.observe_only = observe_only;
    wire = std::make_unique<Wire>(config);
    if (by_verdict) wire->verdicts.verdict.starttls = verdict::StartTls::kMask;
    d = std::make_unique<Dialogue>(*wire);
    d->open();
    d->server("220 mx.example ESMTP\r\n");
    d->client("EHLO client.example\r\n");
  }
  std::unique_ptr<Wire> wire;
  std::unique_ptr<Dialogue> d;
};

TEST(StartTls, IsMaskedByTheVerdictOrForAll) {
  for (const bool by_verdict : {true, false}) {
    Masking m(by_verdict);
    const auto sent = m.d->server(kReply);
    ASSERT_THAT(sent, SizeIs(1));
    EXPECT_EQ(sent[0].segment.payload, kMasked);
    EXPECT_TRUE(sent[0].segment.checksums_right);
    EXPECT_EQ(m.wire->counters.get(Counter::kSegmentsMasked), 1u);
  }
}

TEST(StartTls, IsNotMaskedUnlessAskedForNorWhereOnlyObserved) {
  Wire wire;
  Dialogue d(wire);
  d.open();
  d.server("220 mx.example ESMTP\r\n");
  d.client("EHLO client.example\r\n");
  EXPECT_EQ(d.server(kReply)[0].segment.payload, kReply);
  // A verdict may also let one sender have it.
  PipelineConfig config = Wire::small();
  config.mask_starttls = true;
  Wire allowed(config);
  allowed.verdicts.verdict.starttls = verdict::StartTls::kAllow;
  Dialogue other(allowed);
  other.open();
  other.server("220 mx.example ESMTP\r\n");
  other.client("EHLO client.example\r\n");
  EXPECT_EQ(other.server(kReply)[0].segment.payload, kReply);
  for (const bool by_verdict : {true, false}) {
    Masking m(by_verdict, true);
    EXPECT_EQ(m.d->server(kReply)[0].segment.payload, kReply);
  }
}

TEST(StartTls, IsRefusedWhereItIsHidden) {
  Masking m;
  m.d->server(kReply);
  const auto sent = m.d->client("STARTTLS\r\n");
  ASSERT_THAT(sent, SizeIs(3));
  EXPECT_THAT(sent[1].segment.payload, StartsWith("454 4.7.0 "));
  EXPECT_EQ(m.wire->counters.get(Counter::kLinesRefused), 1u);
}

// The server's copy is the unmasked one: what it sends again is rewritten to what was first sent.
TEST(StartTls, StaysMaskedInARetransmission) {
  Masking m;
  const Packet first = m.d->server_packet(kReply);
  m.wire->from_server(first);
  for (int i = 0; i < 2; ++i) {
    const auto again = m.wire->from_server(first);
    ASSERT_THAT(again, SizeIs(1));
    EXPECT_EQ(again[0].segment.payload, kMasked);
    EXPECT_TRUE(again[0].segment.checksums_right);
  }
  // In other pieces, and with new octets behind.
  Packet part = first;
  part.seq += 18;
  part.payload = kReply.substr(18);
  EXPECT_EQ(m.wire->from_server(part)[0].segment.payload, kMasked.substr(18));
}

TEST(StartTls, IsMaskedInEverySegmentation) {
  for (size_t cut = 1; cut < kReply.size(); ++cut) {
    Masking m;
    std::string heard;
    for (const std::string& piece : {kReply.substr(0, cut), kReply.substr(cut)}) {
      const Packet packet = m.d->server_packet(piece);
      m.d->server_next += static_cast<uint32_t>(piece.size());
      const auto sent = m.wire->from_server(packet);
      ASSERT_THAT(sent, SizeIs(1));
      EXPECT_TRUE(sent[0].segment.checksums_right);
      heard += sent[0].segment.payload;
    }
    EXPECT_EQ(heard.size(), kReply.size());
    EXPECT_EQ(heard[27], 'X') << cut;  // the keyword's last octet
    EXPECT_EQ(heard.find("STARTTLS"), heard.npos) << cut;
  }
}

// Ahead of its gap the keyword would pass unread: the segment comes again behind what was lost.
TEST(StartTls, IsMaskedWhenSegmentsAreOutOfOrder) {
  Masking m;
  const std::string before = kReply.substr(0, 16), behind = kReply.substr(16);
  const Packet first = m.d->server_packet(before);
  m.d->server_next += 16;
  const Packet second = m.d->server_packet(behind);
  EXPECT_THAT(m.wire->from_server(second), IsEmpty());
  EXPECT_EQ(m.wire->from_server(first)[0].segment.payload, before);
  EXPECT_EQ(m.wire->from_server(second)[0].segment.payload, kMasked.substr(16));
}

// --- What an event tells of a connection.

TEST(SessionEvent, AMessagesEventTellsOfItsSession) {
  Wire wire;
  Dialogue d(wire);
  d.until_data();
  wire.now.monotonic_us += 2'500'000;
  d.client(kHam);
  wire.now.monotonic_us += 500'000;
  d.server("250 2.0.0 Ok\r\n");
  ASSERT_THAT(wire.events.events, SizeIs(1));
  const SessionFacts& facts = wire.events.events[0].session;
  EXPECT_EQ(facts.dialect.view(), "EHLO fqdn,MAIL FROM:<>,RCPT TO:<>,DATA");
  EXPECT_TRUE(facts.pipelined);
  EXPECT_FALSE(facts.chunked);
  EXPECT_EQ(facts.duration_ms, 3000u);
  EXPECT_EQ(facts.message_ms, 3000u);
  EXPECT_EQ(facts.messages, 1u);
  EXPECT_EQ(facts.recipients_count, 1u);
  EXPECT_EQ(facts.client_bytes, 21 + 30 + 24 + 6 + sizeof kHam - 1);
  EXPECT_EQ(facts.server_bytes, 22 + (16 + 16 + 14) + (14 + 14 + 11));
  // One event is enough.
  wire.pipeline->clear(wire.now);
  EXPECT_THAT(wire.events.events, SizeIs(1));
}

TEST(SessionEvent, OfFailedLogins) {
  Wire wire;
  Dialogue d(wire);
  d.until_mail();
  d.client("AUTH PLAIN AGEAYg==\r\n");
  d.server("535 5.7.8 no\r\n");
  d.client("AUTH LOGIN\r\n");
  d.server("334 VXNlcm5hbWU6\r\n");
  d.client("Ym9i\r\n");
  d.server("535 5.7.8 no\r\n");
  EXPECT_THAT(wire.events.events, IsEmpty());
  wire.pipeline->clear(wire.now);
  ASSERT_THAT(wire.events.events, SizeIs(1));
  const Event& event = wire.events.events[0];
  EXPECT_EQ(event.kind, EventKind::kSession);
  EXPECT_EQ(event.client.to_string(), "192.0.2.7");
  EXPECT_EQ(event.helo.view(), "client.example");
  EXPECT_EQ(event.auth_user.view(), "");
  EXPECT_EQ(event.session.auth_mechanism.view(), "LOGIN");
  EXPECT_EQ(event.session.auth_result, smtp::AuthResult::kRefused);
  EXPECT_EQ(event.session.failed_logins, 2u);
  EXPECT_EQ(wire.counters.get(Counter::kSessionsReported), 1u);
}

TEST(SessionEvent, OfRecipientsAllRejected) {
  for (const bool all : {true, false}) {
    Wire wire;
    Dialogue d(wire);
    d.until_mail();
    d.client("MAIL FROM:<>\r\n");
    d.server("250 ok\r\n");
    d.client("RCPT TO:<a@b.example>\r\n");
    d.server("550 5.1.1 no\r\n");
    d.client("RCPT TO:<c@b.example>\r\n");
    d.server(all ? "550 5.1.1 no\r\n" : "250 ok\r\n");
    wire.pipeline->clear(wire.now);
    ASSERT_THAT(wire.events.events, SizeIs(all ? 1 : 0));
    if (!all) continue;
    EXPECT_EQ(wire.events.events[0].kind, EventKind::kSession);
    EXPECT_EQ(wire.events.events[0].recipients_rejected, 2u);
    EXPECT_EQ(wire.events.events[0].session.null_senders, 1u);
  }
}

TEST(SessionEvent, OfTlsSizesAndTimesOnly) {
  Wire wire;
  Dialogue d(wire);
  d.open();
  d.server("220 mx.example ESMTP\r\n");
  d.client("EHLO client.example\r\n");
  d.server(kReply);
  d.client("STARTTLS\r\n");
  d.server("220 go\r\n");
  wire.now.monotonic_us += 4'000'000;
  const std::string secret(1000, 's');
  const Packet sealed = d.client_packet(secret);
  EXPECT_EQ(wire.from_client(sealed), as_sent(sealed, Side::kOutside));
  wire.from_client(sealed);  // again: counted once
  d.client_next += 1000;
  d.server(std::string(300, 't'));
  wire.pipeline->clear(wire.now);
  ASSERT_THAT(wire.events.events, SizeIs(1));
  const Event& event = wire.events.events[0];
  EXPECT_EQ(event.kind, EventKind::kSession);
  EXPECT_TRUE(event.session.tls_offered);
  EXPECT_TRUE(event.session.tls_started);
  EXPECT_EQ(event.session.client_bytes, 21u + 10 + 1000);
  EXPECT_EQ(event.session.server_bytes, 22u + kReply.size() + 8 + 300);
  EXPECT_EQ(event.session.duration_ms, 4000u);
  EXPECT_EQ(event.session.dialect.view(), "EHLO fqdn,STARTTLS");
}

TEST(SessionEvent, OfAnEarlyTalker) {
  Wire wire;
  Dialogue d(wire);
  d.open();
  EXPECT_THAT(d.client("HELO x\r\n"), IsEmpty());
  wire.pipeline->clear(wire.now);
  ASSERT_THAT(wire.events.events, SizeIs(1));
  EXPECT_EQ(wire.events.events[0].kind, EventKind::kSession);
  EXPECT_EQ(wire.events.events[0].smtp_anomalies,
            static_cast<uint32_t>(smtp::Anomaly::kEarlyTalker));
}

TEST(SessionEvent, NothingIsTold) {
  Wire wire;
  Dialogue quiet(wire, 40001);
  quiet.until_mail();
  wire.verdicts.verdict.treatment = Treatment::kPass;
  Dialogue trusted(wire, 40002);
  trusted.open();
  trusted.client("HELO x\r\n");
  wire.pipeline->clear(wire.now);
  EXPECT_THAT(wire.events.events, IsEmpty());
}

}  // namespace
}  // namespace postern::worker
