#include "dataplane/packet/forge.h"

#include <algorithm>
#include <cstring>

#include "dataplane/packet/bytes.h"

namespace postern::packet {
namespace {

uint8_t* write_ipv4(uint8_t* ip, const ForgedSegment& s, uint32_t tcp_bytes) {
  std::memset(ip, 0, 20);
  ip[0] = 0x45;
  store_be16(ip + 2, static_cast<uint16_t>(20 + tcp_bytes));
  store_be16(ip + 6, 0x4000);  // don't fragment: then RFC 6864 lets the identification be zero
  ip[8] = 64;
  ip[9] = 6;
  std::memcpy(ip + 12, s.source.v4_bytes(), 4);
  std::memcpy(ip + 16, s.destination.v4_bytes(), 4);
  return ip + 20;
}

uint8_t* write_ipv6(uint8_t* ip, const ForgedSegment& s, uint32_t tcp_bytes) {
  std::memset(ip, 0, 8);
  ip[0] = 0x60;
  store_be16(ip + 4, static_cast<uint16_t>(tcp_bytes));
  ip[6] = 6;
  ip[7] = 64;
  std::memcpy(ip + 8, s.source.bytes().data(), 16);
  std::memcpy(ip + 24, s.destination.bytes().data(), 16);
  return ip + 40;
}

uint32_t write_options(uint8_t* p, const ForgedSegment& s) {
  uint8_t* const start = p;
  if (s.maximum_segment_size) {
    p[0] = 2;
    p[1] = 4;
    store_be16(p + 2, *s.maximum_segment_size);
    p += 4;
  }
  if (s.timestamps) {
    store_be32(p, 0x0101080a);
    store_be32(p + 4, s.timestamps->value);
    store_be32(p + 8, s.timestamps->echo);
    p += 12;
  }
  return static_cast<uint32_t>(p - start);
}

}  // namespace

LinkHeader LinkHeader::of(const Frame& frame, const TcpPacket& tcp) {
  LinkHeader out;
  out.length = static_cast<uint8_t>(std::min<uint32_t>(tcp.l3_offset, 22));
  std::memcpy(out.bytes.data(), frame.data(), out.length);
  return out;
}

LinkHeader LinkHeader::reversed() const {
  LinkHeader out = *this;
  std::swap_ranges(out.bytes.begin(), out.bytes.begin() + 6, out.bytes.begin() + 6);
  return out;
}

Frame* forge(FrameSource& frames, const LinkHeader& link, const ForgedSegment& s) {
  Frame* frame = frames.allocate();
  if (frame == nullptr) return nullptr;
  const uint32_t option_bytes = (s.maximum_segment_size ? 4 : 0) + (s.timestamps ? 12 : 0);
  const uint32_t tcp_bytes = 20 + option_bytes + static_cast<uint32_t>(s.payload.size());
  uint8_t* p = frame->data();
  std::memcpy(p, link.bytes.data(), link.length);
  p += link.length;
  p = s.source.is_v4() ? write_ipv4(p, s, tcp_bytes) : write_ipv6(p, s, tcp_bytes);
  store_be16(p, s.source_port);
  store_be16(p + 2, s.destination_port);
  store_be32(p + 4, s.seq.value);
  store_be32(p + 8, s.ack.value);
  p[12] = static_cast<uint8_t>((20 + option_bytes) / 4 << 4);
  p[13] = s.flags;
  store_be16(p + 14, s.window);
  store_be32(p + 16, 0);
  p += 20 + write_options(p + 20, s);
  if (!s.payload.empty()) std::memcpy(p, s.payload.data(), s.payload.size());
  p += s.payload.size();
  frame->length = static_cast<uint32_t>(p - frame->data());
  frame->checksum_needed = true;
  return frame;
}

}  // namespace postern::packet
