#include "dataplane/packet/cut.h"

#include <gtest/gtest.h>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/testing/builder.h"

namespace postern::packet {
namespace {

using testing::Packet;
using testing::Seen;

std::string letters(size_t n) {
  std::string text(n, ' ');
  for (size_t i = 0; i < n; ++i) text[i] = static_cast<char>('a' + i % 26);
  return text;
}

class Cut : public ::testing::Test {
 protected:
  ~Cut() override { EXPECT_EQ(frames_.in_use(), 0u); }

  // Cuts the packet after `change` was made to its bytes; keeps the parts' bytes in raw_.
  std::vector<Seen> cut_up(const Packet& packet, uint32_t mtu,
                           void (*change)(uint8_t* frame) = nullptr) {
    std::vector<uint8_t> bytes = packet.bytes();
    if (change) change(bytes.data());
    const auto length = static_cast<uint32_t>(bytes.size());
    const Frame whole{.buffer = bytes.data(), .capacity = length, .length = length};
    const TcpPacket tcp = parse(whole);
    std::vector<Frame*> parts(parts_of(tcp, mtu));
    uint16_t next_id = 0x7000;
    EXPECT_TRUE(cut(frames_, whole, tcp, mtu, next_id, parts));
    std::vector<Seen> seen;
    for (Frame* part : parts) {
      EXPECT_LE(part->length, mtu + 14 + 4 * packet.vlans.size());
      EXPECT_TRUE(part->checksum_needed);
      seen.push_back(testing::read(*part));
      raw_.emplace_back(part->data(), part->data() + part->length);
      frames_.release(part);
    }
    return seen;
  }
  HeapFrames frames_{16};
  std::vector<std::vector<uint8_t>> raw_;
};

TEST_F(Cut, WhatFitsIsOnePartAsItIs) {
  const Packet packet{.seq = 5, .flags = kAck | kFin, .payload = letters(1460)};
  const auto parts = cut_up(packet, 1500);
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(raw_[0], packet.bytes());
}

TEST_F(Cut, EachPartHasItsSequenceNumberAndTheLastHasFinAndPush) {
  const std::string text = letters(3000);
  const auto parts = cut_up({.seq = 0xfffffff0,
                             .ack = 9,
                             .flags = kAck | kPsh | kFin,
                             .payload = text,
                             .timestamps = Timestamps{1, 2},
                             .vlans = {7}},
                            1500);
  ASSERT_EQ(parts.size(), 3u);  // 1500 less 20 and 32 octets of headers: 1448 each
  const std::string from = "192.0.2.7:40000", to = "198.51.100.1:25";
  EXPECT_EQ(parts[0], (Seen{from, to, 0xfffffff0, 9, kAck, text.substr(0, 1448), true}));
  EXPECT_EQ(parts[1], (Seen{from, to, 1432, 9, kAck, text.substr(1448, 1448), true}));
  EXPECT_EQ(parts[2], (Seen{from, to, 2880, 9, kAck | kPsh | kFin, text.substr(2896), true}));
}

TEST_F(Cut, Ipv4PartsHaveIdentificationsOfTheirOwnAndKeepDontFragment) {
  cut_up({.payload = letters(3000)}, 1500);
  EXPECT_EQ(load_be32(&raw_[0][18]), 0x12344000u);
  EXPECT_EQ(load_be32(&raw_[1][18]), 0x70004000u);
  EXPECT_EQ(load_be32(&raw_[2][18]), 0x70014000u);
}

TEST_F(Cut, CutsIpv6) {
  const auto parts = cut_up(
      {.from = "[2001:db8::7]:40000", .to = "[2001:db8::25]:25", .payload = letters(1300)}, 1280);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].payload.size(), 1220u);
  EXPECT_EQ(parts[1].payload, letters(1300).substr(1220));
  EXPECT_TRUE(parts[1].checksums_right);
}

TEST_F(Cut, CongestionReducedIsSaidOnceAndUrgentWhereItIs) {
  const auto parts = cut_up({.flags = kAck | kUrg, .payload = letters(4000)}, 1500, [](uint8_t* f) {
    f[34 + 13] |= 0x80;
    store_be16(f + 34 + 18, 2000);
  });
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0].flags, kAck | kUrg | 0x80);
  EXPECT_EQ(parts[1].flags, kAck | kUrg);
  EXPECT_EQ(parts[2].flags, kAck);
  EXPECT_EQ(load_be16(&raw_[0][34 + 18]), 2000);
  EXPECT_EQ(load_be16(&raw_[1][34 + 18]), 540);
  EXPECT_EQ(load_be16(&raw_[2][34 + 18]), 0);
}

TEST_F(Cut, ASynIsNeverCutInTwo) {
  const auto parts = cut_up({.seq = 1, .flags = kSyn | kFin, .payload = letters(3000)}, 1500);
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].payload.size(), 1460u);
  EXPECT_EQ(parts[0].flags, kSyn);
}

TEST_F(Cut, HeadersThatLeaveNoRoomMakeNoParts) {
  TcpPacket tcp{
      .kind = Kind::kTcp, .l3_offset = 14, .payload_offset = 14 + 1280, .payload_length = 1};
  EXPECT_EQ(parts_of(tcp, 1280), 0u);
  tcp.payload_length = 0;
  EXPECT_EQ(parts_of(tcp, 1280), 1u);
  tcp.payload_offset += 1;
  EXPECT_EQ(parts_of(tcp, 1280), 0u);
}

TEST_F(Cut, WithoutFramesForAllPartsThereIsNone) {
  std::vector<Frame*> taken;
  while (frames_.in_use() < 15) taken.push_back(frames_.allocate());
  std::vector<uint8_t> bytes = Packet{.payload = letters(3000)}.bytes();
  const auto length = static_cast<uint32_t>(bytes.size());
  const Frame whole{.buffer = bytes.data(), .capacity = length, .length = length};
  const TcpPacket tcp = parse(whole);
  std::vector<Frame*> parts(parts_of(tcp, 1500));
  uint16_t next_id = 0;
  EXPECT_FALSE(cut(frames_, whole, tcp, 1500, next_id, parts));
  EXPECT_EQ(frames_.in_use(), 15u);
  for (Frame* frame : taken) frames_.release(frame);
}

}  // namespace
}  // namespace postern::packet
