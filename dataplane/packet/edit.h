// Changes to a TCP segment on its way: cutting payload, setting numbers. Each keeps the IP lengths
// right, drops Ethernet padding and marks the checksums as needed.
#pragma once

#include <cstdint>

#include "dataplane/packet/frame.h"
#include "dataplane/packet/parse.h"

namespace postern::packet {

// Cuts `bytes` (at most the payload) off the front; the sequence number moves on by as much.
void trim_front(Frame& frame, TcpPacket& tcp, uint32_t bytes);
// Cuts the payload to `length` bytes; FIN and PSH go when something was cut off, for they stood
// behind it.
void trim_to(Frame& frame, TcpPacket& tcp, uint32_t length);
void clear_flags(Frame& frame, TcpPacket& tcp, uint8_t flags);
// Receivers take urgent data out of the stream (RFC 6093 2): without URG they read it in its place.
void clear_urgent(Frame& frame, TcpPacket& tcp);
void set_ack(Frame& frame, TcpPacket& tcp, SeqNum ack);
// A mutable view of the payload; the caller marks checksum_needed when it writes.
inline uint8_t* payload_bytes(Frame& frame, const TcpPacket& tcp) {
  return frame.data() + tcp.payload_offset;
}

}  // namespace postern::packet
