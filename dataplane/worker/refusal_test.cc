// From the refusal of a message to the end of its connection, at both ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/worker/testing/wire.h"

namespace postern::worker {
namespace {

using packet::kAck;
using packet::kFin;
using packet::kPsh;
using packet::kRst;
using packet::Side;
using testing::Dialogue;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kSpam;
using testing::Packet;
using testing::Sent;
using ::testing::SizeIs;
using ::testing::StartsWith;
using testing::Wire;

TEST(Refusal, TheRefusalSurvivesItsLossAndTheResponderSaysGoodbye) {
  Wire wire;
  Dialogue d(wire);
  d.until_data();
  const Packet last = d.client_packet(kSpam);
  const std::string refusal = wire.from_client(last)[1].segment.payload;
  d.client_next += sizeof kSpam - 1;
  // Lost: the client's own retransmission draws the same again; nothing reaches the server.
  auto again = wire.from_client(last);
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].segment.payload, refusal);
  // Lost again, and the client is silent: our timer.
  EXPECT_THAT(wire.wait(1200), ElementsAre(again[0]));
  d.server_next += static_cast<uint32_t>(refusal.size());
  EXPECT_THAT(d.client("", kAck), IsEmpty());
  const auto bye = d.client("QUIT\r\n");
  ASSERT_THAT(bye, SizeIs(1));
  EXPECT_THAT(bye[0].segment.payload, StartsWith("221 "));
  EXPECT_EQ(bye[0].segment.flags, kAck | kPsh | kFin);
}

TEST(Refusal, AfterARefusalAnythingButQuitEndsWith421) {
  for (const char* next : {"RSET\r\n", "MAIL FROM:<x@y.example>\r\n", "NOOP\r\n"}) {
    Wire wire;
    Dialogue d(wire);
    d.until_data();
    d.server_next += static_cast<uint32_t>(d.client(kSpam)[1].segment.payload.size());
    const auto sent = d.client(next);
    ASSERT_THAT(sent, SizeIs(1)) << next;
    EXPECT_THAT(sent[0].segment.payload, StartsWith("421 4."));
    EXPECT_TRUE(sent[0].segment.flags & kFin);
  }
}

TEST(Refusal, ASilentClientIsToldThatWeClose) {
  Wire wire;
  Dialogue d(wire);
  d.until_data();
  d.server_next += static_cast<uint32_t>(d.client(kSpam)[1].segment.payload.size());
  d.client("", kAck);
  const auto sent = wire.wait(61'000);
  ASSERT_FALSE(sent.empty());
  EXPECT_THAT(sent[0].segment.payload, StartsWith("421 4."));
}

TEST(Refusal, ARefusalWaitsForTheServersRepliesToEarlierCommands) {
  Wire wire;
  Dialogue d(wire);
  d.open();
  d.server("220 mx.example ESMTP\r\n");
  d.client("EHLO client.example\r\n");
  d.server("250-mx.example\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
  const std::string message = "Subject: x\r\n\r\nSPAM-HERE\r\n";
  const auto sent = d.client("MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nBDAT " +
                             std::to_string(message.size()) + " LAST\r\n" + message);
  ASSERT_THAT(sent, SizeIs(1));  // all but the last octet, and no reply yet
  EXPECT_EQ(sent[0].out, Side::kOutside);
  EXPECT_TRUE(sent[0].segment.payload.ends_with("SPAM-HERE\r"));
  --d.client_next;
  EXPECT_THAT(d.server("250 2.1.0 Ok\r\n"), SizeIs(1));
  const auto due = d.server("250 2.1.5 Ok\r\n");
  ASSERT_THAT(due, SizeIs(2));
  EXPECT_EQ(due[0].segment.payload, "250 2.1.5 Ok\r\n");
  EXPECT_THAT(due[1].segment.payload, StartsWith("554 5.7.1"));
  // The server is reset only once the client has its replies.
  d.client_next += 1;
  Packet ack = d.client_packet("", kAck);
  ack.ack = d.server_next - 5;
  auto after = wire.from_client(ack);
  ASSERT_THAT(after, SizeIs(1));
  EXPECT_EQ(after[0].segment.flags, kAck);
  ack.ack = d.server_next + static_cast<uint32_t>(due[1].segment.payload.size());
  after = wire.from_client(ack);
  ASSERT_FALSE(after.empty());
  EXPECT_EQ(after[0].segment.flags, kRst | kAck);
}

TEST(Refusal, WhenTheServerOwesRepliesForGoodTheClientIsToldAllTheSame) {
  Wire wire;
  Dialogue d(wire);
  d.open();
  d.server("220 mx.example ESMTP\r\n");
  d.client("EHLO client.example\r\n");
  d.server("250-mx.example\r\n250-PIPELINING\r\n250 CHUNKING\r\n");
  const Packet packet = d.client_packet(
      "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nBDAT 11 LAST\r\nSPAM-HERE\r\n");
  wire.from_client(packet);
  wire.wait(10'000);
  wire.from_client(packet);  // the client's patience does not lengthen the wait
  const auto sent = wire.wait(6'000);
  ASSERT_FALSE(sent.empty());
  EXPECT_EQ(sent[0].out, Side::kInside);
  EXPECT_THAT(sent[0].segment.payload, StartsWith("421 4."));
  EXPECT_TRUE(sent[0].segment.flags & kFin);
}

TEST(Refusal, TheServersChallengeTellsWhereItsResetMustStand) {
  Wire wire;
  Dialogue d(wire);
  d.until_data();
  d.client(kSpam);
  // RFC 5961: the server, which missed bytes, challenges; its ACK says what it expects.
  Packet challenge = d.server_packet("", kAck);
  challenge.ack = d.client_next - 20;
  const auto sent = wire.from_server(challenge);
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0].out, Side::kOutside);
  EXPECT_EQ(sent[0].segment.flags, kRst | kAck);
  EXPECT_EQ(sent[0].segment.seq, d.client_next - 20);
}

// What is forgotten must not go on unread: the server is told until it is known to have ended.
TEST(Refusal, TheServerIsResetUntilItIsGoneBeforeARefusedConnectionIsForgotten) {
  Wire wire;
  Dialogue d(wire);
  d.until_data();
  d.server_next += static_cast<uint32_t>(d.client(kSpam)[1].segment.payload.size());
  d.client("QUIT\r\n");
  const uint32_t cut = d.client_next - 6 - 3;
  auto sent = wire.wait(150'000);
  // Our goodbye, repeated for a minute; then, to a server that does not answer, four times a RST
  // and a keep-alive behind it.
  std::erase_if(sent, [](const Sent& s) { return s.out == Side::kInside; });
  ASSERT_THAT(sent, SizeIs(8));
  for (size_t i = 0; i < sent.size(); i += 2) {
    EXPECT_EQ(sent[i].segment.flags, kRst | kAck);
    EXPECT_EQ(sent[i].segment.seq, cut);
    EXPECT_EQ(sent[i + 1].segment.flags, kAck);
    EXPECT_LT(sent[i + 1].segment.seq, cut);
  }
  EXPECT_EQ(wire.pipeline->flows(), 0u);
}

TEST(Refusal, AServerThatLivesOnIsResetWhereItsAnswerSays) {
  Wire wire;
  Dialogue d(wire);
  d.until_data();
  d.client("Subject: half\r\n");
  auto sent = wire.wait(600'100);
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(sent[0].segment.flags, kRst | kAck);
  // Both were lost but the keep-alive: the server missed the last segment too.
  Packet alive = d.server_packet("", kAck);
  alive.ack = d.client_next - 15;
  sent = wire.from_server(alive);
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0].segment.flags, kRst | kAck);
  EXPECT_EQ(sent[0].segment.seq, d.client_next - 15);
  EXPECT_EQ(wire.pipeline->flows(), 1u);
  // Now it has ended, and says so to the next keep-alive.
  wire.from_server(d.server_packet("", kRst));
  EXPECT_EQ(wire.pipeline->flows(), 0u);
}

TEST(Refusal, ForgedSegmentsCarryTheConnectionsTimestamps) {
  Wire wire;
  Dialogue d(wire);
  d.timestamps = packet::Timestamps{100, 200};
  d.until_data();
  const auto sent = d.client(kSpam);
  ASSERT_THAT(sent, SizeIs(3));
  ASSERT_TRUE(sent[1].timestamps.has_value());
  EXPECT_EQ(sent[1].timestamps->value, 100u);
  EXPECT_EQ(sent[1].timestamps->echo, 100u);
}

}  // namespace
}  // namespace postern::worker
