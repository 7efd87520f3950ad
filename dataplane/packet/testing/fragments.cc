#include "dataplane/packet/testing/fragments.h"

#include <algorithm>
#include <utility>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/layers.h"

namespace postern::packet::testing {
namespace {

struct Layout {
  size_t ip, data, end;
  bool v4;
};

Layout layout_of(const Bytes& packet) {
  const LinkLayer link = read_link_layer(packet);
  const bool v4 = link.type == kEtherIpv4;
  const uint8_t* ip = &packet[link.l3_offset];
  const size_t data = link.l3_offset + (v4 ? (ip[0] & 15) * 4u : 40u);
  const size_t end = v4 ? link.l3_offset + load_be16(ip + 2) : data + load_be16(ip + 4);
  return {link.l3_offset, data, end, v4};
}

void fill_header_checksum(uint8_t* ip) {
  store_be16(ip + 10, 0);
  store_be16(ip + 10, static_cast<uint16_t>(~internet_sum({ip, (ip[0] & 15) * 4u})));
}

}  // namespace

Bytes fragmentable(Bytes packet) {
  const Layout at = layout_of(packet);
  packet.resize(at.end);
  if (!at.v4) return packet;
  store_be16(&packet[at.ip + 6], 0);
  fill_header_checksum(&packet[at.ip]);
  return packet;
}

Bytes fragment(const Bytes& packet, uint32_t id, const Slice& slice) {
  const Layout at = layout_of(packet);
  Bytes out(packet.begin(), packet.begin() + static_cast<ptrdiff_t>(at.data));
  const auto field = static_cast<uint16_t>(slice.place);
  if (at.v4) {
    uint8_t* ip = &out[at.ip];
    store_be16(ip + 2, static_cast<uint16_t>(at.data - at.ip + slice.length));
    store_be16(ip + 4, static_cast<uint16_t>(id));
    store_be16(ip + 6, static_cast<uint16_t>(field / 8 | (slice.more ? 0x2000 : 0)));
    fill_header_checksum(ip);
  } else {
    store_be16(&out[at.ip + 4], static_cast<uint16_t>(8 + slice.length));
    const uint8_t next = std::exchange(out[at.ip + 6], kFragmentHeader);
    out.insert(out.end(), {next, 0, 0, 0, 0, 0, 0, 0});
    uint8_t* header = &out[at.data];
    store_be16(header + 2, static_cast<uint16_t>(field | (slice.more ? 1 : 0)));
    store_be32(header + 4, id);
  }
  for (size_t i = 0; i < slice.length; ++i) {
    const size_t from = at.data + slice.place + i;
    out.push_back(from < at.end ? packet[from] : uint8_t{0});
  }
  return out;
}

std::vector<Bytes> fragments(const Bytes& packet, uint32_t id, uint32_t octets) {
  const Layout at = layout_of(packet);
  std::vector<Bytes> all;
  const auto total = static_cast<uint32_t>(at.end - at.data);
  for (uint32_t place = 0; place < total; place += octets) {
    const uint32_t length = std::min(octets, total - place);
    all.push_back(fragment(packet, id, {place, length, place + length < total}));
  }
  return all;
}

}  // namespace postern::packet::testing
