// Connections from outside towards hosts that a guard protects: 192.0.2.0/24 is inside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/worker/testing/wire.h"

namespace postern::worker {
namespace {

using packet::kAck;
using packet::kPsh;
using packet::kRst;
using packet::kSyn;
using packet::Side;
using testing::as_sent;
using ::testing::IsEmpty;
using testing::Packet;
using ::testing::SizeIs;
using testing::Wire;
using verdict::Switch;
using verdict::Treatment;

void say(Wire& wire, const char* prefix, Switch of, Treatment treatment, uint64_t expires = 0) {
  wire.verdicts.guard.add({.prefix = *IpPrefix::parse(prefix),
                           .treatment = treatment,
                           .expires_unix_s = expires,
                           .of = of});
}
void protect(Wire& wire, const char* prefix, Treatment treatment = Treatment::kRefuse) {
  say(wire, prefix, Switch::kInboundGuard, treatment);
}
void list(Wire& wire, const char* prefix, Treatment treatment = Treatment::kPass) {
  say(wire, prefix, Switch::kInboundSource, treatment);
}

const Packet kKnock{.from = "203.0.113.5:50000", .to = "192.0.2.9:25", .seq = 100, .flags = kSyn};

TEST(InboundGuard, WithoutOneEverybodyMayConnect) {
  Wire wire;
  list(wire, "198.51.100.0/24");
  EXPECT_EQ(wire.from_server(kKnock), as_sent(kKnock, Side::kInside));
  EXPECT_EQ(wire.counters.get(Counter::kFramesNotInspected), 1u);
}

TEST(InboundGuard, AnswersWhoIsNotListedAsIfNobodyListened) {
  Wire wire;
  protect(wire, "192.0.2.0/24");
  list(wire, "198.51.100.0/24");
  const auto sent = wire.from_server(kKnock);
  // RFC 9293 3.5.2: no ACK in it, so the sequence number is 0 and what came is acknowledged.
  const Packet answer{
      .from = kKnock.to, .to = kKnock.from, .seq = 0, .ack = 101, .flags = kRst | kAck};
  EXPECT_EQ(sent, as_sent(answer, Side::kOutside));
  EXPECT_EQ(wire.counters.get(Counter::kDropInboundGuard), 1u);
  EXPECT_EQ(wire.counters.get(Counter::kInboundUnlisted), 1u);
  EXPECT_EQ(wire.counters.get(Counter::kFramesForged), 1u);
  // And acknowledges data that came with it.
  Packet with_data = kKnock;
  with_data.payload = "EHLO x\r\n";
  const auto again = wire.from_server(with_data);
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].segment.ack, 109u);
}

TEST(InboundGuard, SaysNothingWhereItDrops) {
  Wire wire;
  protect(wire, "192.0.2.9", Treatment::kDrop);
  EXPECT_THAT(wire.from_server(kKnock), IsEmpty());
  EXPECT_EQ(wire.counters.get(Counter::kDropInboundGuard), 1u);
  EXPECT_EQ(wire.counters.get(Counter::kFramesForged), 0u);
}

TEST(InboundGuard, LetsThroughWhoIsListed) {
  Wire wire;
  protect(wire, "192.0.2.0/24");
  list(wire, "203.0.113.0/24");
  EXPECT_EQ(wire.from_server(kKnock), as_sent(kKnock, Side::kInside));
  EXPECT_EQ(wire.counters.get(Counter::kInboundUnlisted), 0u);
}

TEST(InboundGuard, OfBothTheMostSpecificCounts) {
  Wire wire;
  protect(wire, "192.0.2.0/24");
  protect(wire, "192.0.2.128/25", Treatment::kPass);  // open to everybody
  list(wire, "203.0.113.0/24");
  list(wire, "203.0.113.64/26", Treatment::kRefuse);  // not these
  const auto passes = [&](const char* from, const char* to) {
    Packet knock = kKnock;
    knock.from = from;
    knock.to = to;
    return wire.from_server(knock) == as_sent(knock, Side::kInside);
  };
  EXPECT_TRUE(passes("203.0.113.63:50000", "192.0.2.9:25"));
  EXPECT_FALSE(passes("203.0.113.64:50000", "192.0.2.9:25"));
  EXPECT_FALSE(passes("203.0.113.127:50000", "192.0.2.127:25"));
  EXPECT_TRUE(passes("203.0.113.127:50000", "192.0.2.128:25"));
  EXPECT_TRUE(passes("8.8.8.8:50000", "192.0.2.128:25"));
}

TEST(InboundGuard, TheFamiliesAreGuardedEachByItself) {
  Wire wire;
  protect(wire, "0.0.0.0/0");
  const Packet v6{
      .from = "[2001:db8::5]:50000", .to = "[2001:db8:1::9]:25", .seq = 1, .flags = kSyn};
  EXPECT_EQ(wire.from_server(v6), as_sent(v6, Side::kInside));
  protect(wire, "2001:db8:1::/48");
  const auto sent = wire.from_server(v6);
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0].out, Side::kOutside);
  list(wire, "2001:db8::/48");
  EXPECT_EQ(wire.from_server(v6), as_sent(v6, Side::kInside));
}

TEST(InboundGuard, WhatHasExpiredSaysNothing) {
  Wire wire;
  const uint64_t now_s = wire.now.wall_s();
  protect(wire, "192.0.2.0/24");
  say(wire, "203.0.113.0/24", Switch::kInboundSource, Treatment::kPass, now_s + 1);
  EXPECT_EQ(wire.from_server(kKnock), as_sent(kKnock, Side::kInside));
  wire.wait(1'000);
  EXPECT_NE(wire.from_server(kKnock), as_sent(kKnock, Side::kInside));
}

TEST(InboundGuard, IsAskedOfNothingElse) {
  Wire wire;
  protect(wire, "192.0.2.0/24");
  protect(wire, "203.0.113.0/24");  // who is outside
  const auto crosses = [&](const Packet& packet, Side from) {
    return wire.in(packet, from) == as_sent(packet, packet::opposite(from));
  };
  Packet packet = kKnock;
  packet.to = "192.0.2.9:80";
  EXPECT_TRUE(crosses(packet, Side::kOutside)) << "another port";
  packet = {.from = "192.0.2.9:50000", .to = "203.0.113.5:25", .seq = 7, .flags = kSyn};
  EXPECT_TRUE(crosses(packet, Side::kInside)) << "a connection from inside";
  packet = {
      .from = "203.0.113.5:25", .to = "192.0.2.9:50000", .seq = 9, .ack = 8, .flags = kSyn | kAck};
  EXPECT_TRUE(crosses(packet, Side::kOutside)) << "and its answer";
  // What was open before the guard.
  packet = {.from = kKnock.from,
            .to = kKnock.to,
            .seq = 101,
            .ack = 500,
            .flags = kAck | kPsh,
            .payload = "NOOP\r\n"};
  EXPECT_TRUE(crosses(packet, Side::kOutside)) << "a connection that is open";
  EXPECT_EQ(wire.counters.get(Counter::kInboundUnlisted), 0u);
}

TEST(InboundGuard, AMailPortOfOnesOwnIsNoWayAroundIt) {
  Wire wire;
  protect(wire, "192.0.2.0/24");
  Packet knock = kKnock;
  knock.from = "203.0.113.5:25";  // as if a server answered
  const auto sent = wire.from_server(knock);
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0].segment.flags, kRst | kAck);
}

TEST(InboundGuard, WhatIsNoWholeSegmentDoesNotGetThere) {
  Wire wire;
  protect(wire, "192.0.2.0/24");
  auto cut = kKnock.bytes();
  cut[14 + 20 + 12] = 0xf0;  // a TCP header longer than the packet
  EXPECT_THAT(wire.in_bytes(cut, Side::kOutside), IsEmpty());
  EXPECT_EQ(wire.counters.get(Counter::kDropMalformed), 1u);
  auto fragment = kKnock.bytes();
  fragment[14 + 6] |= 0x20;  // more fragments
  EXPECT_THAT(wire.in_bytes(fragment, Side::kOutside), IsEmpty());
  EXPECT_EQ(wire.counters.get(Counter::kDropFragment), 1u);
  auto damaged = kKnock.bytes();
  damaged[14 + 20 + 4] ^= 1;  // in the sequence number
  EXPECT_THAT(wire.in_bytes(damaged, Side::kOutside), IsEmpty());
  EXPECT_EQ(wire.counters.get(Counter::kDropChecksum), 1u);
  EXPECT_EQ(wire.counters.get(Counter::kDropInboundGuard), 0u);
}

TEST(InboundGuard, OnlyCountsWhileTheGateObserves) {
  PipelineConfig config = Wire::small();
  config.observe_only = true;
  Wire wire(config);
  protect(wire, "192.0.2.0/24", Treatment::kDrop);
  EXPECT_EQ(wire.from_server(kKnock), as_sent(kKnock, Side::kInside));
  EXPECT_EQ(wire.counters.get(Counter::kInboundUnlisted), 1u);
  EXPECT_EQ(wire.counters.get(Counter::kDropInboundGuard), 0u);
}

TEST(InboundGuard, ComesBeforeInspectionOfInboundMail) {
  PipelineConfig config = Wire::small();
  config.inspect_inbound = true;
  Wire wire(config);
  protect(wire, "192.0.2.0/24");
  wire.verdicts.verdict.treatment = Treatment::kPass;  // whatever it may send
  const auto refused = wire.from_server(kKnock);
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_EQ(refused[0].segment.flags, kRst | kAck);
  list(wire, "203.0.113.5");
  wire.verdicts.verdict.treatment = Treatment::kDrop;  // listed, and yet blocked as a sender
  EXPECT_THAT(wire.from_server(kKnock), IsEmpty());
  EXPECT_EQ(wire.counters.get(Counter::kDropVerdict), 1u);
}

}  // namespace
}  // namespace postern::worker
