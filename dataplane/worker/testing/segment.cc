#include "dataplane/worker/testing/segment.h"

#include "dataplane/packet/checksum.h"

namespace postern::worker::testing {
namespace {

void put16(std::vector<uint8_t>& out, uint32_t v) {
  out.push_back(static_cast<uint8_t>(v >> 8));
  out.push_back(static_cast<uint8_t>(v));
}
void put32(std::vector<uint8_t>& out, uint32_t v) {
  put16(out, v >> 16);
  put16(out, v);
}

uint32_t vlan_key(const std::vector<uint16_t>& vlans) {
  if (vlans.empty()) return 0;
  return uint32_t{vlans[0]} << 16 | (vlans.size() > 1 ? vlans[1] : 0u);
}

void put_ip(std::vector<uint8_t>& out, const IpAddress& from, const IpAddress& to, uint8_t hops,
            size_t tcp_bytes) {
  if (from.is_v4()) {
    out.insert(out.end(), {0x45, 0});
    put16(out, static_cast<uint32_t>(20 + tcp_bytes));
    put32(out, 0x12344000);
    out.insert(out.end(), {hops, 6, 0, 0});
    out.insert(out.end(), from.v4_bytes(), from.v4_bytes() + 4);
    out.insert(out.end(), to.v4_bytes(), to.v4_bytes() + 4);
  } else {
    put32(out, 0x60000000);
    put16(out, static_cast<uint32_t>(tcp_bytes));
    out.insert(out.end(), {6, hops});
    out.insert(out.end(), from.bytes().begin(), from.bytes().end());
    out.insert(out.end(), to.bytes().begin(), to.bytes().end());
  }
}

}  // namespace

std::vector<uint8_t> Path::frame(const Segment& s, bool from_client) const {
  std::vector<uint8_t> out;
  out.reserve(128 + s.payload.size());
  out.assign({2, 0, 0, 0, 0, static_cast<uint8_t>(from_client ? 2 : 1), 2, 0, 0, 0, 0,
              static_cast<uint8_t>(from_client ? 1 : 2)});
  for (size_t i = 0; i < vlans.size(); ++i) {
    put16(out, i + 1 < vlans.size() ? 0x88a8 : 0x8100);
    put16(out, vlans[i]);
  }
  put16(out, client.is_v4() ? 0x0800 : 0x86dd);
  const size_t ip_at = out.size();
  const size_t header = s.timestamps ? 32 : 20;
  put_ip(out, from_client ? client : server, from_client ? server : client, s.hops,
         header + s.payload.size());
  const size_t tcp_at = out.size();
  put16(out, from_client ? client_port : server_port);
  put16(out, from_client ? server_port : client_port);
  put32(out, s.seq.value);
  put32(out, s.ack.value);
  out.push_back(static_cast<uint8_t>(header / 4 << 4));
  out.push_back(s.flags);
  put16(out, s.window);
  put16(out, 0);
  put16(out, s.urgent_pointer);
  if (s.timestamps) {
    out.insert(out.end(), {1, 1, 8, 10});
    put32(out, s.timestamps->value);
    put32(out, s.timestamps->echo);
  }
  out.insert(out.end(), s.payload.begin(), s.payload.end());
  packet::Frame frame{.buffer = out.data(),
                      .capacity = static_cast<uint32_t>(out.size()),
                      .offset = 0,
                      .length = static_cast<uint32_t>(out.size())};
  packet::fill_checksums(frame);
  if (s.bad_tcp_checksum) out[tcp_at + 16] ^= 0x55;
  if (s.bad_ip_checksum && client.is_v4()) out[ip_at + 10] ^= 0x55;
  if (s.damaged_octet) out[*s.damaged_octet % out.size()] ^= s.damage;
  return out;
}

std::optional<Path::Arrived> Path::read(packet::Frame& frame, bool to_server) const {
  if (frame.checksum_needed) packet::fill_checksums(frame);
  const packet::TcpPacket tcp = packet::parse(frame);
  if (tcp.kind != packet::Kind::kTcp || tcp.vlan != vlan_key(vlans)) return {};
  if (tcp.destination != (to_server ? server : client) ||
      tcp.source != (to_server ? client : server) ||
      tcp.destination_port != (to_server ? server_port : client_port) ||
      tcp.source_port != (to_server ? client_port : server_port)) {
    return {};
  }
  Arrived arrived;
  arrived.right = packet::checksums_right(frame, tcp);
  arrived.segment.seq = tcp.seq;
  arrived.segment.ack = tcp.ack;
  arrived.segment.flags = tcp.flags;
  arrived.segment.window = tcp.window;
  arrived.segment.hops = frame.data()[tcp.l3_offset + (tcp.is_v6 ? 7 : 8)];
  arrived.segment.timestamps = packet::parse_timestamps(frame, tcp);
  const uint8_t* header = frame.data() + tcp.l4_offset;
  arrived.segment.urgent_pointer = static_cast<uint16_t>(header[18] << 8 | header[19]);
  const auto payload = tcp.payload(frame);
  arrived.segment.payload.assign(payload.begin(), payload.end());
  return arrived;
}

}  // namespace postern::worker::testing
