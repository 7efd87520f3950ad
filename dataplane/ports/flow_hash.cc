#include "dataplane/ports/flow_hash.h"

#include <cstring>
#include <optional>

namespace postern::ports {
namespace {

constexpr uint16_t kIpv4 = 0x0800, kIpv6 = 0x86DD;
constexpr uint16_t kVlan = 0x8100, kServiceVlan = 0x88A8, kOldServiceVlan = 0x9100;
constexpr uint8_t kTcp = 6;
constexpr int kMostVlanTags = 4;
constexpr int kMostExtensionHeaders = 8;

uint16_t read16(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }

uint64_t load(const uint8_t* at, size_t bytes) {
  uint64_t value = 0;
  std::memcpy(&value, at, bytes);
  return value;
}

// The finaliser of MurmurHash3 (public domain, A. Appleby): every input bit reaches every output
// bit.
uint64_t mix(uint64_t value) {
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  value ^= value >> 33;
  value *= 0xc4ceb9fe1a85ec53ULL;
  return value ^ value >> 33;
}

// One end of a connection. `address` is 4 or 16 bytes.
uint64_t end_hash(std::span<const uint8_t> address, uint16_t port) {
  uint64_t hash = 0x9E3779B97F4A7C15ULL + port;
  if (address.size() == 4) return mix(hash ^ load(address.data(), 4) << 16);
  hash = mix(hash ^ load(address.data(), 8));
  return mix(hash ^ load(address.data() + 8, 8));
}

struct Ends {
  std::span<const uint8_t> source, destination;
  std::span<const uint8_t> tcp;  // empty: not TCP, or a fragment of it
};

std::optional<Ends> ipv4_ends(std::span<const uint8_t> packet) {
  if (packet.size() < 20) return std::nullopt;
  Ends ends{packet.subspan(12, 4), packet.subspan(16, 4), {}};
  const size_t header = static_cast<size_t>(packet[0] & 0x0F) * 4;
  const bool fragment = (read16(&packet[6]) & 0x3FFF) != 0;  // more fragments, or an offset
  if (packet[9] == kTcp && !fragment && header >= 20 && header <= packet.size())
    ends.tcp = packet.subspan(header);
  return ends;
}

// The TCP header behind IPv6 extension headers (RFC 8200 4); empty when it cannot be seen.
std::span<const uint8_t> ipv6_tcp(std::span<const uint8_t> packet) {
  constexpr uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kAuthentication = 51,
                    kDestinationOptions = 60;
  uint8_t next = packet[6];
  auto rest = packet.subspan(40);
  for (int i = 0; i < kMostExtensionHeaders; ++i) {
    if (next == kTcp) return rest;
    if (rest.size() < 8) return {};
    size_t length = 8;
    if (next == kHopByHop || next == kRouting || next == kDestinationOptions) {
      length = (rest[1] + 1u) * 8;
    } else if (next == kAuthentication) {
      length = (rest[1] + 2u) * 4;
    } else if (next == kFragment) {
      // An atomic fragment (RFC 6946) is a whole packet.
      if ((read16(&rest[2]) & 0xFFF9) != 0) return {};
    } else {
      return {};
    }
    if (length > rest.size()) return {};
    next = rest[0];
    rest = rest.subspan(length);
  }
  return {};
}

std::optional<Ends> ipv6_ends(std::span<const uint8_t> packet) {
  if (packet.size() < 40) return std::nullopt;
  return Ends{packet.subspan(8, 16), packet.subspan(24, 16), ipv6_tcp(packet)};
}

std::optional<Ends> ends_of(std::span<const uint8_t> frame) {
  size_t at = 12;
  for (int tags = 0; at + 2 <= frame.size(); at += 4, ++tags) {
    const uint16_t type = read16(&frame[at]);
    if (type == kIpv4) return ipv4_ends(frame.subspan(at + 2));
    if (type == kIpv6) return ipv6_ends(frame.subspan(at + 2));
    if ((type != kVlan && type != kServiceVlan && type != kOldServiceVlan) || tags == kMostVlanTags)
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

uint32_t symmetric_flow_hash(std::span<const uint8_t> frame) {
  const auto ends = ends_of(frame);
  if (!ends) return 0;
  const bool ports = ends->tcp.size() >= 4;
  const uint64_t source = end_hash(ends->source, ports ? read16(&ends->tcp[0]) : 0);
  const uint64_t destination = end_hash(ends->destination, ports ? read16(&ends->tcp[2]) : 0);
  return static_cast<uint32_t>(mix(source + destination) >> 32);
}

}  // namespace postern::ports
