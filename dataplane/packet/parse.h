// Where things are in a frame: Ethernet II, 802.1Q and QinQ, IPv4 with options, IPv6 with extension
// headers, TCP with options.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/ip.h"
#include "dataplane/packet/frame.h"
#include "dataplane/packet/seq.h"

namespace postern::packet {

enum class Kind : uint8_t {
  kOther,          // not TCP over IP, or something we do not read: not ours to touch
  kTcp,            // a whole TCP segment; every field below is valid
  kFirstFragment,  // the first IP fragment of a TCP segment: ports valid, the rest is not
  kMalformed,      // TCP by its protocol field, but its lengths contradict each other
};

// TCP header bits as they stand in its 14th octet (RFC 9293 3.1).
enum TcpFlag : uint8_t { kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16, kUrg = 32 };

// RFC 7323 timestamps.
struct Timestamps {
  uint32_t value = 0;
  uint32_t echo = 0;
};

// Offsets count from the frame's first byte; addresses, ports and numbers are in host terms.
struct TcpPacket {
  Kind kind = Kind::kOther;
  bool is_v6 = false;
  uint8_t flags = 0;
  uint16_t l3_offset = 0;
  uint16_t l4_offset = 0;
  uint16_t payload_offset = 0;
  uint32_t payload_length = 0;  // from the IP length: Ethernet padding is not payload
  uint32_t vlan = 0;            // outer tag's id << 16 | inner tag's id; 0: untagged
  IpAddress source, destination;
  uint16_t source_port = 0, destination_port = 0;
  SeqNum seq, ack;
  uint16_t window = 0;  // as on the wire, unscaled

  bool has(TcpFlag flag) const { return (flags & flag) != 0; }
  // Sequence space the segment takes: payload, SYN and FIN (RFC 9293 3.4).
  uint32_t sequence_length() const { return payload_length + has(kSyn) + has(kFin); }
  std::span<const uint8_t> payload(const Frame& frame) const {
    return {frame.data() + payload_offset, payload_length};
  }
};

// Never reads outside the frame. Any thread.
TcpPacket parse(const Frame& frame);

// Options of a segment that parse() called kTcp.
struct TcpOptions {
  std::optional<uint16_t> maximum_segment_size;  // RFC 9293 3.7.1
  std::optional<uint8_t> window_scale;           // RFC 7323 2
  std::optional<Timestamps> timestamps;          // RFC 7323 3
  bool sack_permitted = false;                   // RFC 2018
};
TcpOptions parse_options(const Frame& frame, const TcpPacket& tcp);
// Only the timestamps: what every segment of a flow needs.
std::optional<Timestamps> parse_timestamps(const Frame& frame, const TcpPacket& tcp);

}  // namespace postern::packet
