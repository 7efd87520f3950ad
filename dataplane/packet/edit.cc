#include "dataplane/packet/edit.h"

#include <cstring>

#include "dataplane/packet/bytes.h"

namespace postern::packet {
namespace {

// Makes the IP length and the frame's length say what the headers and payload now are.
void settle_lengths(Frame& frame, const TcpPacket& tcp) {
  const uint32_t end = tcp.payload_offset + tcp.payload_length;
  uint8_t* ip = frame.data() + tcp.l3_offset;
  const uint32_t l3_bytes = end - tcp.l3_offset;
  if (tcp.is_v6) {
    store_be16(ip + 4, static_cast<uint16_t>(l3_bytes - 40));
  } else {
    store_be16(ip + 2, static_cast<uint16_t>(l3_bytes));
  }
  frame.length = end;
  frame.checksum_needed = true;
}

}  // namespace

void trim_front(Frame& frame, TcpPacket& tcp, uint32_t bytes) {
  if (bytes == 0) return;
  std::memmove(frame.data() + bytes, frame.data(), tcp.payload_offset);
  frame.offset += bytes;
  frame.length -= bytes;
  tcp.payload_length -= bytes;
  tcp.seq = tcp.seq + bytes;
  store_be32(frame.data() + tcp.l4_offset + 4, tcp.seq.value);
  settle_lengths(frame, tcp);
}

void trim_to(Frame& frame, TcpPacket& tcp, uint32_t length) {
  if (length >= tcp.payload_length) return;
  tcp.payload_length = length;
  clear_flags(frame, tcp, kFin | kPsh);
  settle_lengths(frame, tcp);
}

void clear_flags(Frame& frame, TcpPacket& tcp, uint8_t flags) {
  tcp.flags = static_cast<uint8_t>(tcp.flags & ~flags);
  frame.data()[tcp.l4_offset + 13] = tcp.flags;
  frame.checksum_needed = true;
}

void clear_urgent(Frame& frame, TcpPacket& tcp) {
  if (!tcp.has(kUrg)) return;
  store_be16(frame.data() + tcp.l4_offset + 18, 0);
  clear_flags(frame, tcp, kUrg);
}

void set_ack(Frame& frame, TcpPacket& tcp, SeqNum ack) {
  tcp.ack = ack;
  store_be32(frame.data() + tcp.l4_offset + 8, ack.value);
  frame.checksum_needed = true;
}

}  // namespace postern::packet
