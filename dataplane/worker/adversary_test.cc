// What a client does to be read otherwise here than at the server, each with its named outcome.
// Overlaps and retransmissions in every arrangement are tcp/stream_test.cc's and the models'.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/packet/checksum.h"
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
using testing::as_sent;
using testing::Dialogue;
using ::testing::IsEmpty;
using testing::kSpam;
using testing::Packet;
using testing::Sent;
using ::testing::SizeIs;
using ::testing::StartsWith;
using testing::Wire;

constexpr uint8_t kEce = 0x40, kCwr = 0x80;  // RFC 3168 6.1

std::vector<Sent> without_payload(Packet packet, Side out) {
  packet.payload.clear();
  packet.flags &= static_cast<uint8_t>(~(kPsh | kFin));
  return as_sent(packet, out);
}

struct Adversary : ::testing::Test {
  Adversary() { d.until_data(); }
  uint64_t count(Counter counter) const { return wire.counters.get(counter); }
  // The connection lives on and is still read: spam is refused.
  void expect_still_read() {
    const auto sent = d.client(kSpam);
    ASSERT_THAT(sent, SizeIs(3));
    EXPECT_THAT(sent[1].segment.payload, StartsWith("554 5.7.1"));
  }
  Wire wire;
  Dialogue d{wire};
};

TEST_F(Adversary, DataOnASynStaysHere) {
  for (const uint8_t flags : {uint8_t{kSyn}, uint8_t(kSyn | kEce | kCwr)}) {
    Packet syn{.from = "192.0.2.7:40009", .seq = 7, .flags = flags, .payload = "EHLO early\r\n"};
    const auto sent = wire.from_client(syn);
    syn.payload.clear();
    EXPECT_EQ(sent, as_sent(syn, Side::kOutside));
  }
  EXPECT_EQ(count(Counter::kSegmentsSynData), 2u);
}

TEST_F(Adversary, ASynInsideTheConnectionIsTheServersToChallenge) {
  Packet syn = d.client_packet("text", kSyn);
  const auto sent = wire.from_client(syn);
  EXPECT_EQ(sent, without_payload(syn, Side::kOutside));
  EXPECT_EQ(count(Counter::kSynsInFlow), 1u);
  expect_still_read();
}

TEST_F(Adversary, ASynAckOfTheClientInsideTheConnectionIsDropped) {
  EXPECT_THAT(wire.from_client(d.client_packet("SPAM-HERE\r\n.\r\n", kSyn | kAck)), IsEmpty());
  EXPECT_EQ(count(Counter::kDropSimultaneousOpen), 1u);
  expect_still_read();
}

// RFC 9293 figure 7: SYN and SYN cross, SYN-ACK and SYN-ACK cross.
TEST_F(Adversary, ASimultaneousOpenIsReadFromItsFirstByte) {
  Dialogue both(wire, 40010, 100, 900);
  wire.from_client({.from = both.client_name, .seq = 100, .flags = kSyn});
  EXPECT_THAT(wire.from_server(
                  {.from = both.server_name, .to = both.client_name, .seq = 900, .flags = kSyn}),
              SizeIs(1));
  // Data on the client's SYN-ACK waits for the handshake as data on a SYN does.
  const Packet client_syn_ack{.from = both.client_name,
                              .seq = 100,
                              .ack = 901,
                              .flags = kSyn | kAck,
                              .payload = "EHLO x\r\n"};
  EXPECT_EQ(wire.from_client(client_syn_ack), without_payload(client_syn_ack, Side::kOutside));
  wire.from_server({.from = both.server_name,
                    .to = both.client_name,
                    .seq = 900,
                    .ack = 101,
                    .flags = kSyn | kAck});
  both.client_next = 101;
  both.server_next = 901;
  both.client("", kAck);
  EXPECT_EQ(wire.pipeline->flows(), 2u);
  both.server("220 mx\r\n");
  both.client("HELO x\r\n");
  both.server("250 mx\r\n");
  both.client("MAIL FROM:<a@b.example>\r\n");
  both.server("250 ok\r\n");
  both.client("RCPT TO:<a@b.example>\r\n");
  both.server("250 ok\r\n");
  both.client("DATA\r\n");
  both.server("354 go\r\n");
  EXPECT_THAT(both.client(kSpam), SizeIs(3));
}

TEST_F(Adversary, TheSamePortsAgainAreANewConnectionOnceTheClientAnswers) {
  d.client("Subject: the first\r\n");
  Dialogue again(wire, 40000, 70'000, 80'000);
  wire.from_client({.from = again.client_name, .seq = 70'000, .flags = kSyn});
  wire.from_server({.from = again.server_name,
                    .to = again.client_name,
                    .seq = 80'000,
                    .ack = 70'001,
                    .flags = kSyn | kAck});
  EXPECT_EQ(count(Counter::kFlowsReplaced), 0u);
  again.client_next = 70'001;
  again.server_next = 80'001;
  again.client("", kAck);
  EXPECT_EQ(count(Counter::kFlowsReplaced), 1u);
  EXPECT_EQ(wire.pipeline->flows(), 1u);
  ASSERT_THAT(wire.events.events, SizeIs(1));
  EXPECT_EQ(wire.events.events[0].outcome, Outcome::kAbandoned);
  EXPECT_THAT(again.server("220 mx\r\n"), SizeIs(1));
  EXPECT_THAT(again.client("HELO x\r\n"), SizeIs(1));
}

// A SYN-ACK in the server's name, by an accomplice outside: its numbers would make of the live
// bytes some that lie behind a gap, which pass early.
TEST_F(Adversary, NumbersThatTheServerDoesNotConfirmLetNothingPass) {
  Packet forged = d.server_packet("", kSyn | kAck);
  forged.seq = 90'000;
  forged.ack = d.client_next - 100;
  EXPECT_THAT(wire.from_server(forged), SizeIs(1));
  Packet answer = d.client_packet("", kAck);
  answer.seq = forged.ack;
  answer.ack = forged.seq + 1;
  wire.from_client(answer);
  EXPECT_EQ(count(Counter::kFlowsReplaced), 1u);
  EXPECT_THAT(d.client("SPAM-HERE\r\n.\r\n"), IsEmpty());
  EXPECT_EQ(count(Counter::kDropUnconfirmed), 1u);
  // Nor does a server's word in other numbers help.
  d.server("250 ok\r\n");
  EXPECT_THAT(d.client("SPAM-HERE\r\n.\r\n"), IsEmpty());
}

TEST(EarlyTalker, HasToSayItAgain) {
  Wire wire;
  Dialogue d(wire);
  d.open();
  const Packet early = d.client_packet("EHLO x\r\n");
  EXPECT_THAT(wire.from_client(early), IsEmpty());
  d.server("220 mx\r\n");
  EXPECT_EQ(wire.from_client(early), as_sent(early, Side::kOutside));
  d.client_next += 8;
  d.server("250 mx\r\n");
  d.client("MAIL FROM:<a@b.example>\r\n");
  d.server("250 ok\r\n");
  d.client("RCPT TO:<a@b.example>\r\n");
  d.server("250 ok\r\n");
  d.client("DATA\r\n");
  d.server("354 go\r\n");
  d.client(kSpam);
  ASSERT_THAT(wire.events.events, SizeIs(1));
  EXPECT_TRUE(wire.events.events[0].smtp_anomalies &
              static_cast<uint32_t>(smtp::Anomaly::kEarlyTalker));
}

// RFC 7323 5: the server would discard it, so it must not become the first copy of its bytes.
TEST(Timestamps, AnOldDuplicateIsDropped) {
  Wire wire;
  Dialogue d(wire);
  d.timestamps = Timestamps{1000, 0};
  d.until_data();
  const Packet wanted = d.client_packet("the text\r\n");
  Packet old = d.client_packet("SPAM-HERE!");
  old.timestamps = Timestamps{999, 0};
  EXPECT_THAT(wire.from_client(old), IsEmpty());
  EXPECT_EQ(wire.counters.get(Counter::kDropOldDuplicate), 1u);
  EXPECT_EQ(wire.from_client(wanted), as_sent(wanted, Side::kOutside));
  // A clock that wraps goes on (RFC 7323 5.2).
  d.client_next += 10;
  d.timestamps = Timestamps{1000u + 0x7fffffffu, 0};
  EXPECT_THAT(d.server("", kAck), SizeIs(1));
  EXPECT_THAT(d.client("more\r\n"), SizeIs(1));
  d.timestamps = Timestamps{0x80000500u, 0};
  EXPECT_THAT(d.client("and more\r\n"), SizeIs(1));
}

TEST_F(Adversary, BadChecksumsAreDroppedAsTheServerWould) {
  Packet bad = d.client_packet("text");
  bad.bad_tcp_checksum = true;
  EXPECT_THAT(wire.from_client(bad), IsEmpty());
  auto bytes = d.client_packet("text").bytes();
  bytes[14 + 10] ^= 1;  // the IPv4 header's checksum
  EXPECT_THAT(wire.in_bytes(bytes, Side::kInside), IsEmpty());
  EXPECT_EQ(count(Counter::kDropChecksum), 2u);
}

// A segment that dies on the way (TTL) and its successor with other bytes: the server reads what
// was scanned.
TEST_F(Adversary, WhatDiesBehindUsIsReplacedByItself) {
  const Packet dies = d.client_packet("harmless.");
  wire.from_client(dies);
  Packet other = dies;
  other.payload = "SPAM-HERE";
  EXPECT_EQ(wire.from_client(other), as_sent(dies, Side::kOutside));
  EXPECT_EQ(count(Counter::kSegmentsRewritten), 1u);
}

TEST_F(Adversary, ResetsAreJudgedAsRfc5961Says) {
  const auto reset = [&](int32_t offset) {
    Packet rst = d.client_packet("", kRst);
    rst.seq += static_cast<uint32_t>(offset);
    return wire.from_client(rst).size();
  };
  // Outside the window: ignored.
  EXPECT_EQ(reset(-1), 0u);
  EXPECT_EQ(reset(1 << 20), 0u);
  EXPECT_EQ(count(Counter::kDropResetOutOfWindow), 2u);
  // Inside: the server's to challenge; the connection is not thought dead.
  EXPECT_EQ(reset(1000), 1u);
  EXPECT_EQ(count(Counter::kResetsInWindow), 1u);
  wire.wait(60'000);
  EXPECT_EQ(count(Counter::kFlowsClosed), 0u);
  // At its edge it counts, but what comes nevertheless is still read.
  EXPECT_EQ(reset(0), 1u);
  expect_still_read();
}

TEST_F(Adversary, AResetConnectionIsSoonForgotten) {
  d.client("", kRst);
  wire.wait(11'000);
  EXPECT_THAT(wire.from_server(d.server_packet("", kRst)), IsEmpty());
  EXPECT_EQ(wire.pipeline->flows(), 0u);
}

// What the client had under way when the server reset it does not make the server live on.
TEST_F(Adversary, AConnectionThatTheServerResetIsSoonForgottenThoughTheClientTalksOn) {
  d.server("", kRst);
  d.client("text\r\n");
  const auto sent = wire.wait(11'000);
  ASSERT_FALSE(sent.empty());
  EXPECT_EQ(sent[0].segment.flags, kRst | kAck);
  wire.from_server(d.server_packet("", kRst));
  EXPECT_EQ(wire.pipeline->flows(), 0u);
}

TEST_F(Adversary, FinsOutsideTheWindowAreDropped) {
  Packet fin = d.client_packet("", kAck | kFin);
  fin.seq += 1 << 20;
  EXPECT_THAT(wire.from_client(fin), IsEmpty());
  EXPECT_EQ(count(Counter::kDropOutOfWindow), 1u);
  // Before what was sent: nothing ends there.
  fin = d.client_packet("", kAck | kFin);
  d.client("abc");
  EXPECT_EQ(wire.from_client(fin), without_payload(fin, Side::kOutside));
  expect_still_read();
}

TEST_F(Adversary, DataBehindTheFinIsDropped) {
  d.client("text\r\n", kAck | kFin);
  EXPECT_THAT(d.client("SPAM-HERE\r\n.\r\n"), IsEmpty());
  Packet later = d.client_packet("x");
  later.seq += 100;
  EXPECT_THAT(wire.from_client(later), IsEmpty());
  EXPECT_EQ(count(Counter::kDropAfterFin), 2u);
}

TEST_F(Adversary, AFinThatArrivesBeforeItsDataEndsBehindIt) {
  Packet fin = d.client_packet("", kAck | kFin);
  fin.seq += 6;
  EXPECT_EQ(wire.from_client(fin), as_sent(fin, Side::kOutside));
  EXPECT_THAT(d.client("text\r\n"), SizeIs(1));
  ++d.client_next;
  EXPECT_THAT(d.client("more"), IsEmpty());
  EXPECT_EQ(count(Counter::kDropAfterFin), 1u);
}

// RFC 9293 3.8.4: an octet of garbage may go with a keep-alive.
TEST_F(Adversary, KeepAlivesPassWithoutTheirGarbage) {
  for (const char* garbage : {"", "X"}) {
    Packet probe = d.client_packet(garbage, kAck);
    --probe.seq;
    EXPECT_EQ(wire.from_client(probe), without_payload(probe, Side::kOutside));
  }
  EXPECT_EQ(count(Counter::kSegmentsProbe), 2u);
  expect_still_read();
}

// RFC 9293 3.8.6.1: a window probe carries the next octet, again and again until there is room.
TEST_F(Adversary, WindowProbesRepeatTheirOctetAsScanned) {
  Packet shut = d.server_packet("", kAck);
  shut.window = 0;
  wire.from_server(shut);
  const Packet probe = d.client_packet("S", kAck);
  EXPECT_EQ(wire.from_client(probe), as_sent(probe, Side::kOutside));
  EXPECT_THAT(wire.from_server(shut), SizeIs(1));
  Packet changed = probe;
  changed.payload = "Z";
  EXPECT_EQ(wire.from_client(changed), as_sent(probe, Side::kOutside));
}

TEST(Wrap, SequenceNumbersGoRoundInsideTheMessage) {
  // The dot of the end stands on the last number, its line end on the first two.
  const auto before = static_cast<uint32_t>(sizeof kSpam - 1 - 2);
  Wire wire;
  Dialogue d(wire, 40000, 1, UINT32_MAX - 60);
  d.until_data();
  const uint32_t preamble = d.client_next - 1;
  for (const bool reversed : {false, true}) {
    Wire wrapped;
    Dialogue w(wrapped, 40000, 0u - before - preamble, UINT32_MAX - 60);
    w.until_data();
    EXPECT_EQ(w.client_next, 0u - before);
    std::string to_server, to_client;
    const auto take = [&](const std::vector<Sent>& sent) {
      for (const auto& s : sent) {
        (s.out == Side::kOutside ? to_server : to_client) += s.segment.payload;
      }
    };
    const Packet head = w.client_packet("Subject: hi\r\n\r\n");
    w.client_next += 15;
    const Packet tail = w.client_packet("SPAM-HERE\r\n.\r\n");
    take(wrapped.from_client(reversed ? tail : head));
    take(wrapped.from_client(reversed ? head : tail));
    EXPECT_THAT(to_client, StartsWith("554 5.7.1"));
    // With the gap closed last, what came early may not be completed at all.
    EXPECT_EQ(to_server, reversed ? "SPAM-HERE\r\n.\r\n" : "Subject: hi\r\n\r\nSPAM-HERE\r\n");
  }
}

TEST_F(Adversary, CongestionMarksSurviveOurEdits) {
  const Packet first = d.client_packet("innocent", kAck | kPsh | kCwr);
  EXPECT_EQ(wire.from_client(first), as_sent(first, Side::kOutside));
  Packet second = first;
  second.payload = "SPAM-HER";
  second.flags = kAck | kPsh | kEce;
  Packet expected = second;
  expected.payload = "innocent";
  EXPECT_EQ(wire.from_client(second), as_sent(expected, Side::kOutside));
}

// SACK, window scaling, MSS, timestamps and ECN are the ends' own affair (RFC 2018, 7323,
// 9293 3.7.1, 3168): what we do not edit leaves as it came, to the last octet.
TEST_F(Adversary, WhatTheEndsAgreeOnPassesOctetForOctet) {
  Packet syn{.from = "192.0.2.7:40009", .seq = 7, .flags = kSyn | kEce | kCwr};
  syn.timestamps = Timestamps{1, 0};
  syn.maximum_segment_size = 1380;
  syn.window_scale = 9;
  Packet data = d.client_packet("text", kAck | kPsh | kCwr);
  data.timestamps = Timestamps{1, 2};
  Packet sack = d.client_packet("", kAck);
  sack.timestamps = Timestamps{1, 2};
  auto blocks = sack.bytes();
  blocks.resize(14 + 20 + 20 + 12);  // no padding behind it
  // NOP NOP SACK 5000-5100 in the place of NOP NOP timestamps.
  const uint8_t option[] = {1, 1, 5, 10, 0, 0, 0x13, 0x88, 0, 0, 0x13, 0xec};
  std::ranges::copy(option, blocks.end() - 12);
  packet::Frame frame{.buffer = blocks.data(),
                      .capacity = static_cast<uint32_t>(blocks.size()),
                      .offset = 0,
                      .length = static_cast<uint32_t>(blocks.size())};
  packet::fill_checksums(frame);
  std::vector<uint8_t> left;
  wire.tap = [&](packet::Frame& sent, Side) {
    left.assign(sent.data(), sent.data() + sent.length);
  };
  for (const auto& bytes : {syn.bytes(), data.bytes(), blocks}) {
    wire.in_bytes(bytes, Side::kInside);
    EXPECT_EQ(left, bytes);
  }
  // Path MTU discovery: an ICMP message is not mail (RFC 1191).
  std::vector<uint8_t> icmp = data.bytes();
  icmp[14 + 9] = 1;
  wire.in_bytes(icmp, Side::kOutside);
  EXPECT_EQ(left, icmp);
}

// A RST is judged by its place; with a timestamp Linux would discard it in FIN-WAIT-2 and TIME-WAIT
// unless that is the newest.
TEST(Timestamps, TheKeepAliveToTheServerCarriesThemTheResetDoesNot) {
  Wire wire;
  Dialogue d(wire);
  d.timestamps = Timestamps{100, 200};
  d.until_data();
  const auto sent = wire.wait(600'100);
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(sent[0].segment.flags, kRst | kAck);
  EXPECT_FALSE(sent[0].timestamps.has_value());
  EXPECT_EQ(sent[1].segment.flags, kAck);
  ASSERT_TRUE(sent[1].timestamps.has_value());
  EXPECT_EQ(sent[1].timestamps->value, 100u);
  EXPECT_EQ(sent[1].timestamps->echo, 100u);
}

}  // namespace
}  // namespace postern::worker
