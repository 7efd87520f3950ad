// Ethernet frames with one TCP segment each, right or wrong in any field that an attacker may like
// to have wrong. Written apart from dataplane/packet, so that one does not believe the other's
// mistakes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postern::wire {

using MacAddress = std::array<uint8_t, 6>;

struct Endpoints {
  bool v6 = false;
  MacAddress client_mac{}, next_hop_mac{};
  std::array<uint8_t, 16> client{}, server{};  // the first four octets, if IPv4
  uint16_t client_port = 0, server_port = 25;
};

inline constexpr uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16, kUrg = 32;

struct Timestamps {
  uint32_t value = 0, echo = 0;
};

// What is wrong with a segment, or at least rare.
enum class Oddity : uint8_t {
  kNone,
  kTcpChecksum,
  kIpChecksum,      // IPv4 only
  kExpiresEarly,    // TTL or hop limit of one
  kMd5Option,       // RFC 2385: a receiver without a key drops it
  kBrokenOption,    // an option of length nought
  kTrailer,         // octets behind the end of the IP packet
  kIpOptions,       // IPv4 no-operations, or an IPv6 destination options header
  kAtomicFragment,  // IPv6 fragment header on a whole packet (RFC 6946)
  kCount
};

struct Segment {
  uint32_t seq = 0, ack = 0;
  uint8_t flags = kAck;
  uint16_t window = 65535;
  uint16_t urgent = 0;
  std::optional<Timestamps> timestamps;
  bool offers_sack = false;  // with SYN: MSS and SACK-permitted, too
  Oddity oddity = Oddity::kNone;
  std::string_view payload;
};

std::vector<uint8_t> build_frame(const Endpoints& ends, const Segment& segment);

// A segment that came from a server. `payload` lies in the frame.
struct Arrived {
  std::array<uint8_t, 16> client{}, server{};  // whom it is for, and from
  bool v6 = false;
  uint16_t client_port = 0;
  uint32_t seq = 0, ack = 0;
  uint8_t flags = 0;
  uint16_t window = 0;
  std::optional<Timestamps> timestamps;
  std::string_view payload;
};
// Nothing when it is no TCP segment from port 25.
std::optional<Arrived> read_frame(std::span<const uint8_t> frame);

}  // namespace postern::wire
