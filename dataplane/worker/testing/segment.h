// A TCP segment as a random session handles it: numbers that may be changed at will, turned into a
// frame and read back. Unlike the packet builder's Packet it costs little to make and can be wrong
// in more ways.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "dataplane/packet/frame.h"
#include "dataplane/packet/parse.h"

namespace postern::worker::testing {

struct Segment {
  packet::SeqNum seq, ack;
  uint8_t flags = packet::kAck;
  uint16_t window = 65535;
  uint16_t urgent_pointer = 0;
  uint8_t hops = 64;  // IPv4's time to live, IPv6's hop limit
  std::optional<packet::Timestamps> timestamps;
  std::string payload;
  bool bad_tcp_checksum = false, bad_ip_checksum = false;  // the latter: IPv4 only
  std::optional<uint32_t> damaged_octet;                   // of the frame, modulo its length
  uint8_t damage = 0;

  bool has(packet::TcpFlag flag) const { return (flags & flag) != 0; }
};

// The two hosts of a session and how they are connected.
struct Path {
  IpAddress client, server;
  uint16_t client_port = 40000, server_port = 25;
  std::vector<uint16_t> vlans;  // outer first

  std::vector<uint8_t> frame(const Segment& segment, bool from_client) const;
  // The segment in a frame that left towards the server, or the client; nothing when it is none of
  // this path's. `right`: whether its checksums are.
  struct Arrived {
    Segment segment;
    bool right = false;
  };
  std::optional<Arrived> read(packet::Frame& frame, bool to_server) const;
};

}  // namespace postern::worker::testing
