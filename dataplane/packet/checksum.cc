#include "dataplane/packet/checksum.h"

#include <cstring>

#include "dataplane/packet/bytes.h"

namespace postern::packet {
namespace {

uint32_t fold(uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint32_t>(sum);
}

// Sum of the TCP segment and its pseudo header (RFC 9293 3.1, RFC 8200 8.1).
uint32_t tcp_sum(const Frame& frame, const TcpPacket& tcp) {
  const uint8_t* ip = frame.data() + tcp.l3_offset;
  const uint32_t length = tcp.payload_offset - tcp.l4_offset + tcp.payload_length;
  uint32_t sum = tcp.is_v6 ? internet_sum({ip + 8, 32}) : internet_sum({ip + 12, 8});
  sum = fold(uint64_t{sum} + 6 + (length >> 16) + (length & 0xffff));
  return internet_sum({frame.data() + tcp.l4_offset, length}, sum);
}

}  // namespace

uint32_t internet_sum(std::span<const uint8_t> bytes, uint32_t start) {
  // Eight bytes a step in host order (RFC 1071 2 B: the sum does not depend on byte order), with
  // the carries gathered in the upper half of 64-bit accumulators.
  uint64_t low = 0, high = 0;
  const uint8_t* p = bytes.data();
  size_t n = bytes.size();
  for (; n >= 8; n -= 8, p += 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    low += word & 0xffffffff;
    high += word >> 32;
  }
  uint64_t sum = low + high;
  uint64_t tail = 0;
  if (n > 0) std::memcpy(&tail, p, n);
  sum += (tail & 0xffffffff) + (tail >> 32);
  const uint32_t folded = fold(sum);
  return fold(uint64_t{start} + (((folded & 0xff) << 8) | (folded >> 8)));
}

bool checksums_right(const Frame& frame, const TcpPacket& tcp) {
  if (!tcp.is_v6) {
    const uint8_t* ip = frame.data() + tcp.l3_offset;
    if (internet_sum({ip, (ip[0] & 15) * 4u}) != 0xffff) return false;
  }
  return tcp_sum(frame, tcp) == 0xffff;
}

void fill_checksums(Frame& frame, const TcpPacket& tcp) {
  frame.checksum_needed = false;
  if (tcp.kind != Kind::kTcp) return;
  if (!tcp.is_v6) {
    uint8_t* ip = frame.data() + tcp.l3_offset;
    store_be16(ip + 10, 0);
    store_be16(ip + 10, static_cast<uint16_t>(~internet_sum({ip, (ip[0] & 15) * 4u})));
  }
  uint8_t* field = frame.data() + tcp.l4_offset + 16;
  store_be16(field, 0);
  store_be16(field, static_cast<uint16_t>(~tcp_sum(frame, tcp)));
}

void fill_checksums(Frame& frame) { fill_checksums(frame, parse(frame)); }

}  // namespace postern::packet
