// What every frame costs before anyone knows whether it is mail: parsing, and checking its sums.
#include "dataplane/packet/parse.h"

#include <benchmark/benchmark.h>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/testing/builder.h"

namespace postern::packet {
namespace {

using testing::Packet;

Packet segment(size_t payload) {
  return {.flags = kAck | kPsh,
          .payload = std::string(payload, 'x'),
          .timestamps = Timestamps{1000, 2000}};
}

Frame view(std::vector<uint8_t>& bytes) {
  const auto length = static_cast<uint32_t>(bytes.size());
  return {.buffer = bytes.data(), .capacity = length, .length = length};
}

void parse_one(benchmark::State& state, const Packet& packet) {
  auto bytes = packet.bytes();
  const Frame frame = view(bytes);
  for (auto _ : state) {
    benchmark::DoNotOptimize(frame);
    const TcpPacket tcp = parse(frame);
    benchmark::DoNotOptimize(&tcp);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
}

void BM_ParseIpv4(benchmark::State& state) { parse_one(state, segment(1448)); }
BENCHMARK(BM_ParseIpv4);

void BM_ParseIpv6InQinq(benchmark::State& state) {
  Packet packet = segment(1400);
  packet.from = "[2001:db8::7]:40000";
  packet.to = "[2001:db8::25]:25";
  packet.vlans = {100, 7};
  parse_one(state, packet);
}
BENCHMARK(BM_ParseIpv6InQinq);

void BM_ParseTimestamps(benchmark::State& state) {
  auto bytes = segment(0).bytes();
  const Frame frame = view(bytes);
  const TcpPacket tcp = parse(frame);
  for (auto _ : state) {
    benchmark::DoNotOptimize(frame);
    benchmark::DoNotOptimize(parse_timestamps(frame, tcp));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ParseTimestamps);

// A pure acknowledgement and a full segment.
void BM_ChecksumsRight(benchmark::State& state) {
  auto bytes = segment(static_cast<size_t>(state.range(0))).bytes();
  const Frame frame = view(bytes);
  const TcpPacket tcp = parse(frame);
  for (auto _ : state) {
    benchmark::DoNotOptimize(frame);
    benchmark::ClobberMemory();
    if (!checksums_right(frame, tcp)) {
      state.SkipWithError("a right checksum was called wrong");
      break;
    }
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes.size()));
}
BENCHMARK(BM_ChecksumsRight)->Arg(0)->Arg(1448);

}  // namespace
}  // namespace postern::packet
