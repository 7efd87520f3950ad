#include "dataplane/packet/testing/builder.h"

#include <fmt/format.h>

#include <cstdlib>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/checksum.h"

namespace postern::packet::testing {
namespace {

struct Peer {
  IpAddress address;
  uint16_t port;
};

Peer parse_peer(const std::string& text) {
  const size_t colon = text.rfind(':');
  std::string host = text.substr(0, colon);
  if (host.front() == '[') host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::parse(host);
  if (!address) std::abort();  // a typing error in a test
  return {*address, static_cast<uint16_t>(std::stoi(text.substr(colon + 1)))};
}

void put16(std::vector<uint8_t>& out, uint16_t v) {
  out.push_back(static_cast<uint8_t>(v >> 8));
  out.push_back(static_cast<uint8_t>(v));
}
void put32(std::vector<uint8_t>& out, uint32_t v) {
  put16(out, static_cast<uint16_t>(v >> 16));
  put16(out, static_cast<uint16_t>(v));
}

std::vector<uint8_t> options(const Packet& p) {
  std::vector<uint8_t> out;
  if (p.maximum_segment_size) {
    out.insert(out.end(), {2, 4});
    put16(out, *p.maximum_segment_size);
  }
  if (p.window_scale) out.insert(out.end(), {1, 3, 3, *p.window_scale});
  if (p.timestamps) {
    out.insert(out.end(), {1, 1, 8, 10});
    put32(out, p.timestamps->value);
    put32(out, p.timestamps->echo);
  }
  return out;
}

std::string peer_text(const IpAddress& address, uint16_t port) {
  return fmt::format(fmt::runtime(address.is_v4() ? "{}:{}" : "[{}]:{}"), address.to_string(),
                     port);
}

}  // namespace

std::vector<uint8_t> Packet::bytes() const {
  const Peer source = parse_peer(from), destination = parse_peer(to);
  const bool v4 = source.address.is_v4();
  // The customers' side is 02:…:01 when the destination port is the lower one (towards a server).
  const bool to_server = destination.port < source.port;
  std::vector<uint8_t> out{2, 0, 0, 0, 0, static_cast<uint8_t>(to_server ? 2 : 1),
                           2, 0, 0, 0, 0, static_cast<uint8_t>(to_server ? 1 : 2)};
  for (size_t i = 0; i < vlans.size(); ++i) {
    put16(out, i + 1 < vlans.size() ? 0x88a8 : 0x8100);
    put16(out, vlans[i]);
  }
  put16(out, v4 ? 0x0800 : 0x86dd);
  const auto tcp_options = options(*this);
  const size_t tcp_bytes = 20 + tcp_options.size() + payload.size();
  if (v4) {
    out.insert(out.end(), {0x45, 0});
    put16(out, static_cast<uint16_t>(20 + tcp_bytes));
    put32(out, 0x12344000);
    out.insert(out.end(), {63, 6, 0, 0});
    out.insert(out.end(), source.address.v4_bytes(), source.address.v4_bytes() + 4);
    out.insert(out.end(), destination.address.v4_bytes(), destination.address.v4_bytes() + 4);
  } else {
    put32(out, 0x60000000);
    put16(out, static_cast<uint16_t>(tcp_bytes));
    out.insert(out.end(), {6, 63});
    out.insert(out.end(), source.address.bytes().begin(), source.address.bytes().end());
    out.insert(out.end(), destination.address.bytes().begin(), destination.address.bytes().end());
  }
  const size_t l4 = out.size();
  put16(out, source.port);
  put16(out, destination.port);
  put32(out, seq);
  put32(out, ack);
  out.push_back(static_cast<uint8_t>((20 + tcp_options.size()) / 4 << 4));
  out.push_back(flags);
  put16(out, window);
  put32(out, 0);
  out.insert(out.end(), tcp_options.begin(), tcp_options.end());
  out.insert(out.end(), payload.begin(), payload.end());

  Frame frame{.buffer = out.data(),
              .capacity = static_cast<uint32_t>(out.size()),
              .offset = 0,
              .length = static_cast<uint32_t>(out.size())};
  fill_checksums(frame);
  if (bad_tcp_checksum) out[l4 + 16] ^= 0x55;
  if (ethernet_padding && out.size() < 60) out.resize(60);
  return out;
}

Seen read(Frame& frame) {
  if (frame.checksum_needed) fill_checksums(frame);
  const TcpPacket tcp = parse(frame);
  const auto payload = tcp.payload(frame);
  return {peer_text(tcp.source, tcp.source_port),
          peer_text(tcp.destination, tcp.destination_port),
          tcp.seq.value,
          tcp.ack.value,
          tcp.flags,
          std::string(payload.begin(), payload.end()),
          checksums_right(frame, tcp)};
}

std::string to_text(const Seen& s) {
  std::string flags;
  for (const auto& [bit, letter] :
       {std::pair{kSyn, 'S'}, {kFin, 'F'}, {kRst, 'R'}, {kPsh, 'P'}, {kAck, '.'}}) {
    if (s.flags & bit) flags += letter;
  }
  return fmt::format("{} > {} [{}] seq {} ack {} \"{}\"{}", s.from, s.to, flags, s.seq, s.ack,
                     s.payload, s.checksums_right ? "" : " BAD CHECKSUM");
}

}  // namespace postern::packet::testing
