#include "tests/wire/attack_frame.h"

#include <algorithm>
#include <cstring>

namespace postern::wire {
namespace {

constexpr uint16_t kTypeV4 = 0x0800, kTypeV6 = 0x86dd;
constexpr uint8_t kTcp = 6, kFragmentHeader = 44, kDestinationOptions = 60;

void put16(std::vector<uint8_t>& out, size_t at, uint32_t value) {
  out[at] = static_cast<uint8_t>(value >> 8);
  out[at + 1] = static_cast<uint8_t>(value);
}
void add16(std::vector<uint8_t>& out, uint32_t value) {
  out.resize(out.size() + 2);
  put16(out, out.size() - 2, value);
}
void add32(std::vector<uint8_t>& out, uint32_t value) {
  add16(out, value >> 16);
  add16(out, value & 0xffff);
}
void add(std::vector<uint8_t>& out, std::span<const uint8_t> octets) {
  out.insert(out.end(), octets.begin(), octets.end());
}

uint32_t sum(std::span<const uint8_t> octets, uint32_t start = 0) {
  for (size_t i = 0; i < octets.size(); ++i) start += i % 2 == 0 ? octets[i] << 8 : octets[i];
  return start;
}
uint16_t fold(uint32_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

uint32_t get16(std::span<const uint8_t> in, size_t at) { return in[at] << 8 | in[at + 1]; }
uint32_t get32(std::span<const uint8_t> in, size_t at) {
  return get16(in, at) << 16 | get16(in, at + 2);
}

std::vector<uint8_t> tcp_options(const Segment& s) {
  std::vector<uint8_t> out;
  if (s.offers_sack) add(out, std::array<uint8_t, 8>{2, 4, 1400 >> 8, 1400 & 255, 4, 2, 1, 1});
  if (s.oddity == Oddity::kMd5Option) {
    add(out, std::array<uint8_t, 4>{1, 1, 19, 18});
    out.resize(out.size() + 16, 0xa5);
  } else if (s.timestamps) {
    add(out, std::array<uint8_t, 4>{1, 1, 8, 10});
    add32(out, s.timestamps->value);
    add32(out, s.timestamps->echo);
  }
  if (s.oddity == Oddity::kBrokenOption) add(out, std::array<uint8_t, 4>{254, 0, 1, 0});
  return out;
}

std::vector<uint8_t> tcp_segment(const Endpoints& ends, const Segment& s) {
  const std::vector<uint8_t> options = tcp_options(s);
  std::vector<uint8_t> out;
  add16(out, ends.client_port);
  add16(out, ends.server_port);
  add32(out, s.seq);
  add32(out, s.ack);
  out.push_back(static_cast<uint8_t>((20 + options.size()) / 4 << 4));
  out.push_back(s.flags);
  add16(out, s.window);
  add16(out, 0);
  add16(out, s.urgent);
  add(out, options);
  add(out, {reinterpret_cast<const uint8_t*>(s.payload.data()), s.payload.size()});
  const size_t address = ends.v6 ? 16 : 4;
  uint32_t total = sum({ends.client.data(), address}, sum({ends.server.data(), address}));
  total += kTcp + static_cast<uint32_t>(out.size());
  put16(out, 16, fold(sum(out, total)));
  if (s.oddity == Oddity::kTcpChecksum) out[16] ^= 0x40;
  return out;
}

void add_v4(std::vector<uint8_t>& out, const Endpoints& ends, const Segment& s, size_t length) {
  const size_t begin = out.size();
  const size_t header = s.oddity == Oddity::kIpOptions ? 24 : 20;
  out.push_back(static_cast<uint8_t>(0x40 | header / 4));
  out.push_back(0);
  add16(out, static_cast<uint32_t>(header + length));
  add32(out, 0x00004000);  // do not fragment
  out.push_back(s.oddity == Oddity::kExpiresEarly ? 1 : 64);
  out.push_back(kTcp);
  add16(out, 0);
  add(out, {ends.client.data(), 4});
  add(out, {ends.server.data(), 4});
  out.resize(begin + header, 1);
  put16(out, begin + 10, fold(sum(std::span(out).subspan(begin))));
  if (s.oddity == Oddity::kIpChecksum) out[begin + 10] ^= 0x40;
}

void add_v6(std::vector<uint8_t>& out, const Endpoints& ends, const Segment& s, size_t length) {
  const bool extended = s.oddity == Oddity::kIpOptions || s.oddity == Oddity::kAtomicFragment;
  add32(out, 0x60000000);
  add16(out, static_cast<uint32_t>(length + (extended ? 8 : 0)));
  out.push_back(s.oddity == Oddity::kIpOptions        ? kDestinationOptions
                : s.oddity == Oddity::kAtomicFragment ? kFragmentHeader
                                                      : kTcp);
  out.push_back(s.oddity == Oddity::kExpiresEarly ? 1 : 64);
  add(out, ends.client);
  add(out, ends.server);
  if (s.oddity == Oddity::kIpOptions) add(out, std::array<uint8_t, 8>{kTcp, 0, 1, 4, 0, 0, 0, 0});
  if (s.oddity == Oddity::kAtomicFragment) {
    add(out, std::array<uint8_t, 8>{kTcp, 0, 0, 0, 0, 0, 7, 7});
  }
}

}  // namespace

std::vector<uint8_t> build_frame(const Endpoints& ends, const Segment& segment) {
  const std::vector<uint8_t> tcp = tcp_segment(ends, segment);
  std::vector<uint8_t> out;
  add(out, ends.next_hop_mac);
  add(out, ends.client_mac);
  add16(out, ends.v6 ? kTypeV6 : kTypeV4);
  (ends.v6 ? add_v6 : add_v4)(out, ends, segment, tcp.size());
  add(out, tcp);
  if (segment.oddity == Oddity::kTrailer) out.resize(out.size() + 24, 'T');
  return out;
}

std::optional<Arrived> read_frame(std::span<const uint8_t> frame) {
  if (frame.size() < 54) return {};
  Arrived out;
  const uint32_t type = get16(frame, 12);
  std::span<const uint8_t> tcp;
  if (type == kTypeV4 && frame[23] == kTcp) {
    const size_t header = (frame[14] & 15) * 4u, total = get16(frame, 16);
    if (14 + total > frame.size() || header + 20 > total) return {};
    std::copy_n(frame.begin() + 26, 4, out.server.begin());
    std::copy_n(frame.begin() + 30, 4, out.client.begin());
    tcp = frame.subspan(14 + header, total - header);
  } else if (type == kTypeV6 && frame[20] == kTcp) {
    const size_t length = get16(frame, 18);
    if (54 + length > frame.size() || length < 20) return {};
    out.v6 = true;
    std::copy_n(frame.begin() + 22, 16, out.server.begin());
    std::copy_n(frame.begin() + 38, 16, out.client.begin());
    tcp = frame.subspan(54, length);
  } else {
    return {};
  }
  if (get16(tcp, 0) != 25) return {};
  out.client_port = static_cast<uint16_t>(get16(tcp, 2));
  out.seq = get32(tcp, 4);
  out.ack = get32(tcp, 8);
  const size_t offset = (tcp[12] >> 4) * 4u;
  if (offset < 20 || offset > tcp.size()) return {};
  out.flags = tcp[13];
  out.window = static_cast<uint16_t>(get16(tcp, 14));
  for (size_t at = 20; at + 10 <= offset && tcp[at] != 0;) {
    if (tcp[at] == 1) {
      ++at;
      continue;
    }
    if (tcp[at] == 8) out.timestamps = Timestamps{get32(tcp, at + 2), get32(tcp, at + 6)};
    if (tcp[at + 1] < 2) break;
    at += tcp[at + 1];
  }
  out.payload = {reinterpret_cast<const char*>(tcp.data()) + offset, tcp.size() - offset};
  return out;
}

}  // namespace postern::wire
