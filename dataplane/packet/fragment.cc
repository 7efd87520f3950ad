#include "dataplane/packet/fragment.h"

#include "dataplane/packet/layers.h"

namespace postern::packet {
namespace {

constexpr uint32_t kIpv6Header = 40;

bool is_extension_header(uint8_t type) {
  return type == kFragmentHeader || extension_header_length(type, 0) != 0;
}

std::optional<Fragment> parse_ipv4(std::span<const uint8_t> frame, const LinkLayer& link) {
  if (frame.size() < link.l3_offset + 20) return std::nullopt;
  const uint8_t* ip = &frame[link.l3_offset];
  const uint16_t flags = load_be16(ip + 6);
  const uint32_t header = (ip[0] & 15) * 4u, total = load_be16(ip + 2);
  if (ip[0] >> 4 != 4 || ip[9] != kProtocolTcp || (flags & 0x3fff) == 0 || header < 20 ||
      total < header || frame.size() < link.l3_offset + total)
    return std::nullopt;
  Fragment out;
  out.source = IpAddress::from_v4(ip + 12);
  out.destination = IpAddress::from_v4(ip + 16);
  out.vlan = link.vlan;
  out.id = load_be16(ip + 4);
  out.l3_offset = static_cast<uint16_t>(link.l3_offset);
  out.data_offset = static_cast<uint16_t>(link.l3_offset + header);
  out.data_length = static_cast<uint16_t>(total - header);
  out.place = static_cast<uint16_t>((flags & 0x1fff) * 8);
  out.next = kProtocolTcp;
  out.congestion = ip[1] & 3;
  out.more = (flags & 0x2000) != 0;
  return out;
}

std::optional<Fragment> parse_ipv6(std::span<const uint8_t> frame, const LinkLayer& link) {
  if (frame.size() < link.l3_offset + kIpv6Header) return std::nullopt;
  const uint8_t* ip = &frame[link.l3_offset];
  const uint32_t end = link.l3_offset + kIpv6Header + load_be16(ip + 4);
  if (ip[0] >> 4 != 6 || end > frame.size()) return std::nullopt;
  Fragment out;
  uint8_t next = ip[6];
  uint32_t offset = link.l3_offset + kIpv6Header;
  // Each header is at least 8 octets, so the frame's length bounds the walk.
  for (; offset + 8 <= end; out.plain = false) {
    const uint8_t* header = &frame[offset];
    uint32_t length = extension_header_length(next, header[1]);
    if (next == kFragmentHeader) {
      length = 8;
      out.place = load_be16(header + 2) & 0xfff8;
      out.more = (header[3] & 1) != 0;
      out.id = load_be32(header + 4);
    }
    if (length == 0) return std::nullopt;
    const bool whole = next != kFragmentHeader || (out.place == 0 && !out.more);
    next = header[0];
    offset += length;
    // An atomic fragment (RFC 6946) is a whole packet; the chain goes on.
    if (whole) continue;
    // A receiver believes the first fragment alone on what the datagram is (RFC 8200 4.5), but who
    // does not lie says the same in all.
    if (next != kProtocolTcp && !is_extension_header(next)) return std::nullopt;
    out.is_v6 = true;
    out.source = IpAddress::from_v6(ip + 8);
    out.destination = IpAddress::from_v6(ip + 24);
    out.vlan = link.vlan;
    out.l3_offset = static_cast<uint16_t>(link.l3_offset);
    out.data_offset = static_cast<uint16_t>(offset);
    out.data_length = static_cast<uint16_t>(end - offset);
    out.next = next;
    out.congestion = ip[1] >> 4 & 3;
    return out;
  }
  return std::nullopt;
}

}  // namespace

bool may_be_fragment(std::span<const uint8_t> frame) {
  if (frame.size() < kEthernetHeader + 20) return false;
  uint16_t type = load_be16(&frame[12]);
  const uint8_t* ip = &frame[kEthernetHeader];
  if (type != kEtherIpv4 && type != kEtherIpv6) [[unlikely]] {
    const LinkLayer link = read_link_layer(frame);
    if (frame.size() < link.l3_offset + 20) return false;
    type = link.type;
    ip = &frame[link.l3_offset];
  }
  if (type == kEtherIpv4) return (load_be16(ip + 6) & 0x3fff) != 0 && ip[9] == kProtocolTcp;
  return type == kEtherIpv6 && is_extension_header(ip[6]);
}

std::optional<Fragment> parse_fragment(std::span<const uint8_t> frame) {
  const LinkLayer link = read_link_layer(frame);
  if (link.type == kEtherIpv4) return parse_ipv4(frame, link);
  if (link.type == kEtherIpv6) return parse_ipv6(frame, link);
  return std::nullopt;
}

Ownership read_ownership(std::span<const uint8_t> frame, const Fragment& first) {
  using enum Ownership::Owner;
  const auto data = frame.subspan(first.data_offset, first.data_length);
  uint8_t next = first.next;
  uint32_t offset = 0;
  while (next != kProtocolTcp) {
    if (!is_extension_header(next)) return {};
    // A fragment of a fragment: what the inner one is would show only once the outer is whole.
    if (next == kFragmentHeader || offset + 8 > data.size()) return {.owner = kHidden};
    const uint8_t* header = &data[offset];
    offset += extension_header_length(next, header[1]);
    next = header[0];
  }
  if (offset + 4 > data.size()) return {.owner = kHidden};
  return {kTcp, load_be16(&data[offset]), load_be16(&data[offset + 2]), offset + 4};
}

}  // namespace postern::packet
