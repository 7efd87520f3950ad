// What stands between a frame's first octet and its transport header: tags and extension headers.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/packet/bytes.h"

namespace postern::packet {

constexpr uint16_t kEtherIpv4 = 0x0800;
constexpr uint16_t kEtherIpv6 = 0x86dd;
constexpr uint16_t kEtherVlan = 0x8100;     // IEEE 802.1Q
constexpr uint16_t kEtherQinq = 0x88a8;     // IEEE 802.1ad
constexpr uint16_t kEtherQinqOld = 0x9100;  // pre-standard, still met
constexpr uint8_t kProtocolTcp = 6;
constexpr uint8_t kFragmentHeader = 44;  // RFC 8200 4.5
constexpr uint32_t kEthernetHeader = 14;

struct LinkLayer {
  uint16_t type = 0;       // EtherType behind the tags; 0: the frame is too short
  uint32_t l3_offset = 0;  // what follows it
  uint32_t vlan = 0;       // outer tag's id << 16 | inner tag's id; 0: untagged
};

// Ethernet II and up to two tags.
inline LinkLayer read_link_layer(std::span<const uint8_t> frame) {
  if (frame.size() < kEthernetHeader) return {};
  LinkLayer link{load_be16(&frame[12]), kEthernetHeader, 0};
  for (int tag = 0; tag < 2; ++tag) {
    if (link.type != kEtherVlan && link.type != kEtherQinq && link.type != kEtherQinqOld) break;
    if (frame.size() < link.l3_offset + 4) return {};
    const uint16_t id = load_be16(&frame[link.l3_offset]) & 0x0fff;
    // A tag of id 0 only carries a priority: the frame belongs where it would without (802.1Q 6.9).
    if (id != 0) link.vlan = link.vlan << 16 | id;
    link.type = load_be16(&frame[link.l3_offset + 2]);
    link.l3_offset += 4;
  }
  return link;
}

// Length in octets of an IPv6 extension header of this type (RFC 8200 4) other than the fragment
// header, from its second octet; 0: `type` is none.
inline uint32_t extension_header_length(uint8_t type, uint8_t second_octet) {
  switch (type) {
    case 0:    // hop-by-hop options
    case 43:   // routing
    case 60:   // destination options
    case 135:  // mobility
    case 139:  // host identity
    case 140:  // shim6
      return (second_octet + 1u) * 8;
    case 51:  // authentication header (RFC 4302 2.2)
      return (second_octet + 2u) * 4;
    default:
      return 0;
  }
}

}  // namespace postern::packet
