// What an attacker does with numbers that nobody in the connection said, and with a connection's
// addresses and ports when it is over.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/worker/testing/wire.h"

namespace postern::worker {
namespace {

using packet::kAck;
using packet::kFin;
using packet::kPsh;
using packet::kRst;
using packet::kSyn;
using packet::Side;
using packet::Timestamps;
using testing::Dialogue;
using ::testing::IsEmpty;
using testing::kSpam;
using testing::Packet;
using testing::Sent;
using ::testing::SizeIs;
using ::testing::StartsWith;
using testing::Wire;

std::string to_server(const std::vector<Sent>& sent) {
  std::string text;
  for (const auto& s : sent) {
    if (s.out == Side::kOutside) text += s.segment.payload;
  }
  return text;
}

void until_tls(Dialogue& d) {
  d.open();
  d.server("220 mx\r\n");
  d.client("EHLO x\r\n");
  d.server("250-mx\r\n250 STARTTLS\r\n");
  d.client("STARTTLS\r\n");
  d.server("220 2.0.0 Ready\r\n");
}

// SYN and SYN-ACK of a new connection on the same addresses and ports.
void knock(Wire& wire, Dialogue& d, uint32_t client_initial, uint32_t server_initial) {
  wire.from_client({.from = d.client_name, .seq = client_initial, .flags = kSyn});
  wire.from_server({.from = d.server_name,
                    .to = d.client_name,
                    .seq = server_initial,
                    .ack = client_initial + 1,
                    .flags = kSyn | kAck});
  d.client_next = client_initial + 1;
  d.server_next = server_initial + 1;
}

// A segment that begins before the window and ends inside it is acceptable (RFC 9293 3.4): it
// completes the handshake at the server.
Packet early_by_one(const Dialogue& d) {
  return {.from = d.client_name,
          .to = d.server_name,
          .seq = d.client_next - 1,
          .ack = d.server_next,
          .flags = kAck | kPsh,
          .payload = "xEHLO spammer.example\r\n"};
}

TEST(PortsAgain, AfterTlsAreReadThoughTheFirstAckBeginsBeforeTheWindow) {
  Wire wire;
  Dialogue d(wire);
  until_tls(d);
  d.client("", kRst);
  knock(wire, d, 70'000, 80'000);
  EXPECT_EQ(to_server(wire.from_client(early_by_one(d))), "");
  d.client_next += 22;
  d.server("220 mx\r\n");
  EXPECT_EQ(to_server(d.client(kSpam)), "");
}

// The server may have said two SYN-ACKs and remember neither (SYN cookies, RFC 4987 3.6): the
// client answers the one before the last.
TEST(PortsAgain, AfterTlsAreReadThoughTheClientAnswersAnOlderSynAck) {
  Wire wire;
  Dialogue d(wire);
  until_tls(d);
  d.client("", kRst);
  knock(wire, d, 60'000, 65'000);
  Dialogue other = d;
  knock(wire, other, 70'000, 80'000);
  d.client("", kAck);
  d.server("220 mx\r\n");
  EXPECT_EQ(to_server(d.client(kSpam)), "");
}

TEST(PortsAgain, AfterForgottenTlsAreReadToo) {
  Wire wire;
  Dialogue d(wire);
  until_tls(d);
  wire.wait(610'000);
  ASSERT_EQ(wire.pipeline->flows(), 0u);
  d.client("", kRst);
  knock(wire, d, 60'000, 65'000);
  Dialogue other = d;
  knock(wire, other, 70'000, 80'000);
  EXPECT_EQ(to_server(wire.from_client(early_by_one(other))), "");
  d.client("", kAck);
  d.server("220 mx\r\n");
  EXPECT_EQ(to_server(d.client(kSpam)), "");
}

// Anybody outside may send a segment with the server's address. What the client would discard
// (RFC 9293 3.10.7.4, RFC 5961 5) must not be believed here.
struct Spoofed : ::testing::Test {
  Spoofed() { d.until_data(); }
  Wire wire;
  Dialogue d{wire};
};

TEST_F(Spoofed, AnAckOfWhatWasNotSentReleasesNothing) {
  const Packet lost = d.client_packet("Subject: hi\r\n");
  d.client("Subject: hi\r\n");
  Packet spoofed = d.server_packet("", kAck);
  spoofed.ack = d.client_next + 1'000'000;
  EXPECT_THAT(wire.from_server(spoofed), IsEmpty());
  EXPECT_EQ(to_server(wire.from_client(lost)), "Subject: hi\r\n");
}

TEST_F(Spoofed, AnAckFromOutsideTheWindowReleasesNothing) {
  const Packet lost = d.client_packet("Subject: hi\r\n");
  d.client("Subject: hi\r\n");
  Packet spoofed = d.server_packet("", kAck);
  spoofed.seq += 1'000'000'000;
  EXPECT_THAT(wire.from_server(spoofed), IsEmpty());
  EXPECT_EQ(to_server(wire.from_client(lost)), "Subject: hi\r\n");
}

TEST_F(Spoofed, BytesWithAnAckOfWhatWasNotSentAreNoFirstCopy) {
  Packet spoofed = d.server_packet("250 spoofed.\r\n");
  spoofed.ack = d.client_next + 1'000'000;
  EXPECT_THAT(wire.from_server(spoofed), IsEmpty());
  const auto sent = d.server("250 genuine.\r\n");
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0].segment.payload, "250 genuine.\r\n");
}

TEST(SpoofedTimestamps, OfASegmentOutsideTheWindowAreNotBelieved) {
  for (const bool greeted : {false, true}) {
    Wire wire;
    Dialogue d(wire);
    d.timestamps = Timestamps{1000, 1000};
    if (greeted) {
      d.until_data();
    } else {
      d.open();
    }
    for (int i = 0; i < 2; ++i) {
      Packet spoofed = d.server_packet("x");
      spoofed.seq += 1'000'000'000;
      spoofed.timestamps = Timestamps{1000 + (i + 1) * 0x7fff0000u, 1000};
      EXPECT_THAT(wire.from_server(spoofed), IsEmpty());
    }
    if (!greeted) {
      EXPECT_THAT(d.server("220 mx\r\n"), SizeIs(1));
      continue;
    }
    const auto refusal = d.client(kSpam);
    ASSERT_THAT(refusal, SizeIs(3));
    ASSERT_TRUE(refusal[1].timestamps);
    EXPECT_EQ(refusal[1].timestamps->value, 1000u);
  }
}

// A flood of SYN-ACKs (whose SYNs nobody need have sent) pushes an honest handshake out.
TEST(Displaced, HandshakesAreMadeAgainByTheServersNextSynAck) {
  PipelineConfig config = Wire::small();
  config.handshakes = 8;
  Wire wire(config);
  Dialogue d(wire);
  knock(wire, d, 10, 100);
  for (int i = 0; i < 8; ++i) {
    wire.now.monotonic_us += 1000;
    wire.from_server({.from = "203.0.113.9:25",
                      .to = "192.0.2.99:" + std::to_string(2000 + i),
                      .seq = 1,
                      .ack = 1,
                      .flags = kSyn | kAck});
  }
  ASSERT_EQ(wire.counters.get(Counter::kHandshakesDisplaced), 1u);
  wire.now.monotonic_us += 1000;
  // Should the ACK pass, the server would say its SYN-ACK no more.
  EXPECT_THAT(d.client("", kAck), IsEmpty());
  knock(wire, d, 10, 100);
  d.client("", kAck);
  EXPECT_EQ(wire.pipeline->flows(), 1u);
  d.server("220 mx\r\n");
  EXPECT_EQ(to_server(d.client("EHLO x\r\n")), "EHLO x\r\n");
}

}  // namespace
}  // namespace postern::worker
