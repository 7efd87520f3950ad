#include "dataplane/ports/flow_hash.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "dataplane/packet/testing/builder.h"

namespace postern::ports {
namespace {

using packet::testing::Packet;

uint32_t hash(const Packet& packet) { return symmetric_flow_hash(packet.bytes()); }

// The same bytes with another IPv4 protocol, or IPv6 next header.
std::vector<uint8_t> with_protocol(const Packet& packet, uint8_t protocol) {
  auto bytes = packet.bytes();
  bytes[bytes[14] >> 4 == 4 ? 14 + 9 : 14 + 6] = protocol;
  return bytes;
}

constexpr uint8_t kUdp = 17;

TEST(FlowHash, BothDirectionsOfAConnectionAreEqual) {
  const std::array<std::pair<std::string, std::string>, 3> ends{{
      {"192.0.2.7:40000", "198.51.100.1:25"},
      {"10.0.0.1:25", "10.0.0.1:25"},
      {"[2001:db8::7]:40000", "[2001:db8:ffff::1]:25"},
  }};
  for (const auto& [client, server] : ends) {
    EXPECT_EQ(hash({.from = client, .to = server}), hash({.from = server, .to = client})) << client;
  }
}

TEST(FlowHash, VlanTagsAndPayloadDoNotCount) {
  const uint32_t plain = hash({});
  EXPECT_EQ(hash({.vlans = {100}}), plain);
  EXPECT_EQ(hash({.vlans = {100, 7}}), plain);
  EXPECT_EQ(hash({.seq = 77, .payload = "MAIL FROM:<a@example.com>\r\n"}), plain);
}

TEST(FlowHash, PortsTellConnectionsApart) {
  EXPECT_NE(hash({.from = "192.0.2.7:40000"}), hash({.from = "192.0.2.7:40001"}));
  EXPECT_NE(hash({.from = "192.0.2.7:40000", .to = "192.0.2.8:25"}),
            hash({.from = "192.0.2.7:25", .to = "192.0.2.8:40000"}));
}

TEST(FlowHash, OtherTrafficGoesByItsAddressesAlone) {
  const Packet one{.from = "192.0.2.7:5000"}, other{.from = "192.0.2.7:6000"};
  const uint32_t udp = symmetric_flow_hash(with_protocol(one, kUdp));
  EXPECT_EQ(udp, symmetric_flow_hash(with_protocol(other, kUdp)));
  EXPECT_NE(udp, symmetric_flow_hash(with_protocol({.from = "192.0.2.9:5000"}, kUdp)));
}

TEST(FlowHash, FragmentsGoByTheirAddressesAlone) {
  const Packet packet{.from = "192.0.2.7:5000"};
  const uint32_t addresses_alone = symmetric_flow_hash(with_protocol(packet, kUdp));
  auto first = packet.bytes(), later = packet.bytes(), whole = packet.bytes();
  first[14 + 6] = 0x20;  // more fragments
  later[14 + 7] = 185;   // offset
  whole[14 + 6] = 0x40;  // don't fragment: not a fragment
  EXPECT_EQ(symmetric_flow_hash(first), addresses_alone);
  EXPECT_EQ(symmetric_flow_hash(later), addresses_alone);
  EXPECT_EQ(symmetric_flow_hash(whole), hash(packet));
}

// A destination options header (RFC 8200 4.6) and a fragment header between IPv6 and TCP.
std::vector<uint8_t> with_extension(const Packet& packet, uint8_t type,
                                    std::array<uint8_t, 8> header) {
  auto bytes = packet.bytes();
  header[0] = bytes[14 + 6];
  bytes[14 + 6] = type;
  bytes.insert(bytes.begin() + 14 + 40, header.begin(), header.end());
  return bytes;
}

TEST(FlowHash, LooksBehindIpv6ExtensionHeaders) {
  const Packet packet{.from = "[2001:db8::7]:40000", .to = "[2001:db8::1]:25"};
  const uint32_t addresses_alone = symmetric_flow_hash(with_protocol(packet, kUdp));
  EXPECT_NE(hash(packet), addresses_alone);
  EXPECT_EQ(symmetric_flow_hash(with_extension(packet, 60, {0, 0, 1, 4, 0, 0, 0, 0})),
            hash(packet));
  // An atomic fragment (RFC 6946) is a whole packet; one with an offset is not.
  EXPECT_EQ(symmetric_flow_hash(with_extension(packet, 44, {0, 0, 0, 0, 0, 0, 0, 9})),
            hash(packet));
  EXPECT_EQ(symmetric_flow_hash(with_extension(packet, 44, {0, 0, 5, 0x20, 0, 0, 0, 9})),
            addresses_alone);
}

TEST(FlowHash, WhatIsNotIpGoesToTheFirstWorker) {
  auto arp = Packet{}.bytes();
  arp[12] = 0x08, arp[13] = 0x06;
  EXPECT_EQ(symmetric_flow_hash(arp), 0u);
  EXPECT_EQ(symmetric_flow_hash({}), 0u);
}

TEST(FlowHash, EveryTruncationIsRead) {
  for (const char* from : {"192.0.2.7:1", "[2001:db8::7]:1"}) {
    const auto bytes = Packet{.from = from,
                              .to = from[0] == '[' ? "[2001:db8::1]:25" : "198.51.100.1:25",
                              .vlans = {5, 6},
                              .ethernet_padding = false}
                           .bytes();
    for (size_t length = 0; length < bytes.size(); ++length) {
      const std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<long>(length));
      symmetric_flow_hash(cut);
    }
  }
}

TEST(FlowHash, SpreadsFlowsEvenly) {
  constexpr uint32_t kWorkers = 3, kFlows = 9000;
  std::array<uint32_t, kWorkers> flows{};
  for (uint32_t i = 0; i < kFlows; ++i)
    ++flows[worker_of(
        hash({.from = fmt::format("10.0.{}.{}:{}", i / 250, 1 + i % 250, 1024 + i % 7)}),
        kWorkers)];
  // The binomial distribution's standard deviation is 45; five of it.
  for (const uint32_t count : flows) EXPECT_NEAR(count, kFlows / kWorkers, 225);
}

TEST(WorkerOf, CoversAllWorkersAndNoMore) {
  EXPECT_EQ(worker_of(0, 1), 0u);
  EXPECT_EQ(worker_of(UINT32_MAX, 1), 0u);
  EXPECT_EQ(worker_of(0, 3), 0u);
  EXPECT_EQ(worker_of(UINT32_MAX, 3), 2u);
}

}  // namespace
}  // namespace postern::ports
