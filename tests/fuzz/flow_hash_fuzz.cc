// The hash that brings both directions of a flow to one worker: any bytes are read, and a TCP
// segment hashes the same when its ends change places.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "dataplane/packet/parse.h"
#include "dataplane/ports/flow_hash.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace postern;
  std::vector<uint8_t> bytes(data, data + size);
  const uint32_t hash = ports::symmetric_flow_hash(bytes);
  if (ports::worker_of(hash, 3) > 2) abort();

  packet::Frame frame;
  frame.buffer = bytes.data();
  frame.capacity = frame.length = static_cast<uint32_t>(bytes.size());
  const packet::TcpPacket tcp = packet::parse(frame);
  if (tcp.kind != packet::Kind::kTcp) return 0;
  const size_t address = tcp.is_v6 ? 16 : 4;
  const auto source = bytes.begin() + tcp.l3_offset + (tcp.is_v6 ? 8 : 12);
  const auto ports = bytes.begin() + tcp.l4_offset;
  std::swap_ranges(source, source + static_cast<long>(address),
                   source + static_cast<long>(address));
  std::swap_ranges(ports, ports + 2, ports + 2);
  if (ports::symmetric_flow_hash(bytes) != hash) abort();
  return 0;
}
