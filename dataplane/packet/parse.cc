#include "dataplane/packet/parse.h"

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/layers.h"

namespace postern::packet {
namespace {

constexpr uint32_t kTcpHeader = 20;

// Reads the TCP header at `l4_offset`; `end` is where the IP packet ends.
void parse_tcp(const Frame& frame, uint32_t l4_offset, uint32_t end, bool first_fragment,
               TcpPacket& out) {
  out.kind = Kind::kMalformed;
  out.l4_offset = static_cast<uint16_t>(l4_offset);
  if (end < l4_offset + 4) return;
  const uint8_t* tcp = frame.data() + l4_offset;
  out.source_port = load_be16(tcp);
  out.destination_port = load_be16(tcp + 2);
  if (first_fragment) {
    out.kind = Kind::kFirstFragment;
    return;
  }
  if (end < l4_offset + kTcpHeader) return;
  const uint32_t header = (tcp[12] >> 4) * 4u;
  if (header < kTcpHeader || l4_offset + header > end) return;
  out.seq = {load_be32(tcp + 4)};
  out.ack = {load_be32(tcp + 8)};
  out.flags = tcp[13];
  out.window = load_be16(tcp + 14);
  out.payload_offset = static_cast<uint16_t>(l4_offset + header);
  out.payload_length = end - (l4_offset + header);
  out.kind = Kind::kTcp;
}

void parse_ipv4(const Frame& frame, uint32_t l3_offset, TcpPacket& out) {
  if (frame.length < l3_offset + 20) return;
  const uint8_t* ip = frame.data() + l3_offset;
  if (ip[9] != kProtocolTcp || ip[0] >> 4 != 4) return;
  const uint32_t header = (ip[0] & 15) * 4u;
  const uint32_t total = load_be16(ip + 2);
  out.source = IpAddress::from_v4(ip + 12);
  out.destination = IpAddress::from_v4(ip + 16);
  const uint16_t fragment = load_be16(ip + 6);
  // Later fragments say nothing without their first, which is judged by its ports.
  if ((fragment & 0x1fff) != 0) return;
  if (header < 20 || total < header || frame.length < l3_offset + total) {
    out.kind = Kind::kMalformed;
    if (frame.length >= l3_offset + header + 4) {
      out.source_port = load_be16(ip + header);
      out.destination_port = load_be16(ip + header + 2);
    }
    return;
  }
  parse_tcp(frame, l3_offset + header, l3_offset + total, (fragment & 0x2000) != 0, out);
}

void parse_ipv6(const Frame& frame, uint32_t l3_offset, TcpPacket& out) {
  if (frame.length < l3_offset + 40) return;
  const uint8_t* ip = frame.data() + l3_offset;
  if (ip[0] >> 4 != 6) return;
  uint32_t end = l3_offset + 40 + load_be16(ip + 4);
  const bool cut_short = end > frame.length;
  if (cut_short) end = frame.length;
  out.is_v6 = true;
  out.source = IpAddress::from_v6(ip + 8);
  out.destination = IpAddress::from_v6(ip + 24);
  uint8_t next = ip[6];
  uint32_t offset = l3_offset + 40;
  bool first_fragment = false;
  // Extension headers (RFC 8200 4): each is at least 8 octets, so the frame's length bounds the
  // walk.
  while (next != kProtocolTcp) {
    if (offset + 8 > end) return;
    const uint8_t* header = frame.data() + offset;
    uint32_t length = extension_header_length(next, header[1]);
    if (next == kFragmentHeader) {
      if ((load_be16(header + 2) & 0xfff8) != 0) return;
      first_fragment = first_fragment || (header[3] & 1) != 0;
      length = 8;
    }
    if (length == 0) return;
    next = header[0];
    offset += length;
  }
  if (offset > end) {
    out.kind = Kind::kMalformed;
    return;
  }
  parse_tcp(frame, offset, end, first_fragment, out);
  if (cut_short && out.kind == Kind::kTcp) out.kind = Kind::kMalformed;
}

}  // namespace

TcpPacket parse(const Frame& frame) {
  TcpPacket out;
  const LinkLayer link = read_link_layer({frame.data(), frame.length});
  out.vlan = link.vlan;
  out.l3_offset = static_cast<uint16_t>(link.l3_offset);
  if (link.type == kEtherIpv4) parse_ipv4(frame, link.l3_offset, out);
  if (link.type == kEtherIpv6) parse_ipv6(frame, link.l3_offset, out);
  return out;
}

TcpOptions parse_options(const Frame& frame, const TcpPacket& tcp) {
  TcpOptions out;
  const uint8_t* p = frame.data() + tcp.l4_offset + kTcpHeader;
  const uint8_t* const end = frame.data() + tcp.payload_offset;
  while (p < end && *p != 0) {
    if (*p == 1) {
      ++p;
      continue;
    }
    if (end - p < 2 || p[1] < 2 || p[1] > end - p) break;
    if (p[0] == 2 && p[1] == 4) out.maximum_segment_size = load_be16(p + 2);
    if (p[0] == 3 && p[1] == 3) out.window_scale = p[2];
    if (p[0] == 4 && p[1] == 2) out.sack_permitted = true;
    if (p[0] == 8 && p[1] == 10) out.timestamps = Timestamps{load_be32(p + 2), load_be32(p + 6)};
    p += p[1];
  }
  return out;
}

std::optional<Timestamps> parse_timestamps(const Frame& frame, const TcpPacket& tcp) {
  const uint8_t* options = frame.data() + tcp.l4_offset + kTcpHeader;
  const uint32_t length = tcp.payload_offset - tcp.l4_offset - kTcpHeader;
  if (length == 0) return std::nullopt;
  // NOP NOP timestamps: what every common stack sends (RFC 7323 appendix A).
  if (length >= 12 && load_be32(options) == 0x0101080a) {
    return Timestamps{load_be32(options + 4), load_be32(options + 8)};
  }
  return parse_options(frame, tcp).timestamps;
}

}  // namespace postern::packet
