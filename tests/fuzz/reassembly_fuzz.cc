// IP fragments in any order, overlapping, damaged or plain noise, into the reassembler. Each step
// of the input is a header of 8 octets: which packet, which part of it, which identification, which
// octet is another, how long until then. Whatever comes: no first fragment with a mail port or with
// headers that hide its ports goes on, what goes on is a whole segment of mail with right checksums
// or a frame as it came, and every buffer is given back.
#include <rte_eal.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/testing/builder.h"
#include "dataplane/packet/testing/fragments.h"
#include "dataplane/ports/reassembly.h"

namespace {

using namespace postern;
using packet::testing::Bytes;
using packet::testing::Packet;

constexpr uint32_t kFrames = 1023;

Bytes packet_number(unsigned n) {
  Packet packet{.seq = 1, .flags = packet::kAck, .payload = std::string(140, 'm')};
  if (n & 1) packet.from = "[2001:db8::7]:40000";
  if (n & 2)
    packet.to = n & 1 ? "[2001:db8::25]:80" : "198.51.100.1:80";
  else if (n & 1)
    packet.to = "[2001:db8::25]:25";
  if (n & 4) packet.vlans = {7};
  if (n & 8) packet.payload.replace(0, 40, 40, 'n');
  Bytes bytes = packet::testing::fragmentable(packet.bytes());
  if ((n & 17) == 17) {
    // Destination options of 8 octets before the TCP header.
    const size_t ip = n & 4 ? 18 : 14;
    bytes[ip + 6] = 60;
    const Bytes options{6, 0, 1, 4, 0, 0, 0, 0};
    bytes.insert(bytes.begin() + static_cast<ptrdiff_t>(ip) + 40, options.begin(), options.end());
    bytes[ip + 5] = static_cast<uint8_t>(bytes[ip + 5] + 8);
  }
  return bytes;
}

void judge(const Bytes& out, const std::multiset<Bytes>& came) {
  if (const auto fragment = packet::parse_fragment(out); fragment && fragment->first()) {
    const auto ownership = packet::read_ownership(out, *fragment);
    if (ownership.owner == packet::Ownership::Owner::kHidden) std::abort();
    if (ownership.source_port == 25 || ownership.destination_port == 25) std::abort();
  }
  if (came.contains(out)) return;
  Bytes copy = out;
  const auto length = static_cast<uint32_t>(copy.size());
  const packet::Frame frame{.buffer = copy.data(), .capacity = length, .length = length};
  const packet::TcpPacket tcp = packet::parse(frame);
  if (tcp.kind != packet::Kind::kTcp || !packet::checksums_right(frame, tcp)) std::abort();
  if (tcp.source_port != 25 && tcp.destination_port != 25) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  std::vector<std::string> arguments{
      "fuzz",           "--no-huge", "--no-pci", "--no-shconf",      "--no-telemetry",
      "--iova-mode=va", "-m",        "64",       "--log-level=error"};
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  if (rte_eal_init(static_cast<int>(argv.size()) - 1, argv.data()) < 0) std::abort();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto source = *ports::MbufFrameSource::create("fuzz_frames", kFrames, 1522);
  Counters counters;
  const auto reassembly =
      *ports::Reassembly::create({.datagrams = 16, .mtu = 1280}, source.get(), &counters);
  Now now{.monotonic_us = 1};
  std::multiset<Bytes> came;
  std::span<const uint8_t> input(data, size);
  for (int steps = 0; input.size() >= 8 && steps < 128; ++steps) {
    const uint8_t* h = input.data();
    now.monotonic_us += uint64_t{h[7]} * h[7] * 200;
    Bytes frame;
    if (h[0] & 0x40) {
      const size_t length = std::min<size_t>(h[1], input.size() - 8);
      frame.assign(h + 8, h + 8 + length);
      input = input.subspan(8 + length);
    } else {
      frame = packet::testing::fragment(packet_number(h[0] & 31), h[3] % 4u,
                                        {h[1] * 8u, h[2], (h[3] & 0x80) != 0});
      if (h[4] != 0) frame[h[5] % frame.size()] ^= h[4];
      input = input.subspan(8);
    }
    rte_mbuf* mbuf = rte_pktmbuf_alloc(source->pool());
    if (mbuf == nullptr) std::abort();
    std::ranges::copy(frame, reinterpret_cast<uint8_t*>(
                                 rte_pktmbuf_append(mbuf, static_cast<uint16_t>(frame.size()))));
    came.insert(frame);
    const auto side = h[6] & 1 ? packet::Side::kOutside : packet::Side::kInside;
    for (rte_mbuf* out : reassembly->reassemble({&mbuf, 1}, side, now)) {
      const auto* bytes = rte_pktmbuf_mtod(out, const uint8_t*);
      judge(Bytes(bytes, bytes + out->data_len), came);
      rte_pktmbuf_free(out);
    }
  }
  reassembly->clear();
  if (source->frames_free() != kFrames) std::abort();
  return 0;
}
