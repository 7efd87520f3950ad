#include "dataplane/packet/parse.h"

#include <gtest/gtest.h>

#include "dataplane/packet/testing/builder.h"

namespace postern::packet {
namespace {

using testing::Packet;

TcpPacket parsed(std::vector<uint8_t> bytes) {
  Frame frame{.buffer = bytes.data(),
              .capacity = static_cast<uint32_t>(bytes.size()),
              .offset = 0,
              .length = static_cast<uint32_t>(bytes.size())};
  return parse(frame);
}

TEST(Parse, ReadsTcpOverIpv4WithoutItsPadding) {
  const auto tcp =
      parsed(Packet{.seq = 7, .ack = 9, .flags = kAck | kPsh, .payload = "hi"}.bytes());
  EXPECT_EQ(tcp.kind, Kind::kTcp);
  EXPECT_EQ(tcp.source.to_string(), "192.0.2.7");
  EXPECT_EQ(tcp.destination_port, 25);
  EXPECT_EQ(tcp.payload_length, 2u);
  EXPECT_EQ(tcp.seq.value, 7u);
  EXPECT_EQ(tcp.l4_offset, 34);
  EXPECT_EQ(tcp.vlan, 0u);
}

TEST(Parse, ReadsVlanAndQinq) {
  EXPECT_EQ(parsed(Packet{.vlans = {100}}.bytes()).vlan, 100u);
  const auto tcp = parsed(Packet{.payload = "x", .vlans = {7, 100}}.bytes());
  EXPECT_EQ(tcp.vlan, 7u << 16 | 100u);
  EXPECT_EQ(tcp.payload_length, 1u);
  EXPECT_EQ(parsed(Packet{.vlans = {1, 2, 3}}.bytes()).kind, Kind::kOther);
  // Priority tags name no VLAN: a connection cannot leave our sight by putting one on.
  EXPECT_EQ(parsed(Packet{.vlans = {0}}.bytes()).vlan, 0u);
  EXPECT_EQ(parsed(Packet{.vlans = {7, 0}}.bytes()).vlan, 7u);
}

TEST(Parse, ReadsIpv6BehindExtensionHeaders) {
  auto bytes =
      Packet{.from = "[2001:db8::7]:40000", .to = "[2001:db8::25]:25", .payload = "data"}.bytes();
  EXPECT_EQ(parsed(bytes).payload_length, 4u);
  // A hop-by-hop header of 8 octets and a destination options header of 16 (RFC 8200 4.3, 4.6).
  const std::vector<uint8_t> extension{60, 0, 1, 4, 0, 0, 0, 0, 6, 1, 1, 12,
                                       0,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  bytes.insert(bytes.begin() + 54, extension.begin(), extension.end());
  bytes[14 + 6] = 0;
  bytes[14 + 5] = static_cast<uint8_t>(bytes[14 + 5] + extension.size());
  const auto tcp = parsed(bytes);
  EXPECT_EQ(tcp.kind, Kind::kTcp);
  EXPECT_EQ(tcp.source.to_string(), "2001:db8::7");
  EXPECT_EQ(tcp.l4_offset, 54 + 24);
  EXPECT_EQ(tcp.payload_length, 4u);
}

TEST(Parse, FirstFragmentsHavePortsAndLaterOnesSayNothing) {
  auto bytes = Packet{.payload = "x"}.bytes();
  bytes[14 + 6] = 0x20;  // more fragments
  EXPECT_EQ(parsed(bytes).kind, Kind::kFirstFragment);
  EXPECT_EQ(parsed(bytes).destination_port, 25);
  bytes[14 + 7] = 1;  // offset 8
  EXPECT_EQ(parsed(bytes).kind, Kind::kOther);
}

TEST(Parse, LengthsThatContradictEachOtherAreMalformed) {
  auto bytes = Packet{.payload = "x"}.bytes();
  bytes[14 + 3] = 0xff;  // IPv4 total length over the frame's
  EXPECT_EQ(parsed(bytes).kind, Kind::kMalformed);
  EXPECT_EQ(parsed(bytes).destination_port, 25);
  bytes = Packet{.payload = "x"}.bytes();
  bytes[34 + 12] = 0xf0;  // TCP header of 60 bytes
  EXPECT_EQ(parsed(bytes).kind, Kind::kMalformed);
  bytes = Packet{.payload = "x"}.bytes();
  bytes[34 + 12] = 0x40;  // of 16
  EXPECT_EQ(parsed(bytes).kind, Kind::kMalformed);
}

TEST(Parse, EveryTruncationStaysInsideTheFrame) {
  for (const auto& packet :
       {Packet{.payload = "abc", .timestamps = Timestamps{1, 2}, .vlans = {5}},
        Packet{.from = "[2001:db8::7]:40000", .to = "[2001:db8::25]:25", .payload = "abc"}}) {
    const auto whole = packet.bytes();
    for (size_t n = 0; n < whole.size(); ++n) {
      const std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(n));
      const auto tcp = parsed(cut);
      EXPECT_TRUE(tcp.kind != Kind::kTcp || tcp.payload_offset + tcp.payload_length <= n);
    }
  }
}

TEST(ParseOptions, ReadsWhatASynCarries) {
  auto bytes = Packet{.flags = kSyn,
                      .timestamps = Timestamps{1, 2},
                      .maximum_segment_size = 1460,
                      .window_scale = 7}
                   .bytes();
  Frame frame{.buffer = bytes.data(),
              .capacity = 0,
              .offset = 0,
              .length = static_cast<uint32_t>(bytes.size())};
  const auto options = parse_options(frame, parse(frame));
  EXPECT_EQ(options.maximum_segment_size, 1460);
  EXPECT_EQ(options.window_scale, 7);
  EXPECT_EQ(options.timestamps->value, 1u);
  EXPECT_EQ(parse_timestamps(frame, parse(frame))->echo, 2u);
}

}  // namespace
}  // namespace postern::packet
