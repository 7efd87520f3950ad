// Segments through one direction of a connection, acknowledged two by two as receivers do.
#include "dataplane/tcp/stream.h"

#include <benchmark/benchmark.h>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/testing/builder.h"

namespace postern::tcp {
namespace {

using packet::testing::Packet;

class TakesAll : public Consumer {
 public:
  Taken take(std::span<uint8_t> bytes) override {
    octets += bytes.size();
    return {static_cast<uint32_t>(bytes.size()), Word::kPass};
  }
  uint64_t octets = 0;
};

constexpr uint32_t kPayload = 1448;

// `order`: offsets, in segments, of one round of frames; the round is then acknowledged.
void run(benchmark::State& state, std::span<const uint32_t> order) {
  const auto round = static_cast<uint32_t>(order.size());
  packet::HeapFrames frames(round);
  std::vector<Frame*> segments;
  for (uint32_t i = 0; i < round; ++i) {
    segments.push_back(Packet{.payload = std::string(kPayload, 'x')}.in(frames));
  }
  const TcpPacket parsed = packet::parse(*segments[0]);
  FixedPool<Held> pool(round * 2);
  Storage storage{&pool, 0, 64 << 20};
  const StreamLimits limits{.ahead_bytes = 1 << 20, .retained_bytes = 1 << 20};
  Counters counters;
  TakesAll consumer;
  Stream stream;
  SeqNum next{1000};
  stream.begin(next, &limits, &storage);
  for (auto _ : state) {
    for (uint32_t i = 0; i < round; ++i) {
      TcpPacket tcp = parsed;
      tcp.seq = next + order[i] * kPayload;
      if (stream.accept(*segments[i], tcp, consumer, counters).fate != Fate::kForward) {
        state.SkipWithError("a segment was dropped");
      }
    }
    next = next + round * kPayload;
    stream.acknowledge(next);
  }
  if (stream.frontier() != next) state.SkipWithError("not every octet was read");
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * round);
  stream.clear();
}

void BM_StreamInOrder(benchmark::State& state) {
  constexpr uint32_t kOrder[] = {0, 1};
  run(state, kOrder);
}
BENCHMARK(BM_StreamInOrder);

// One segment in ten is late by three.
void BM_StreamReordered(benchmark::State& state) {
  constexpr uint32_t kOrder[] = {0, 1, 2, 4, 5, 6, 3, 7, 8, 9};
  run(state, kOrder);
}
BENCHMARK(BM_StreamReordered);

}  // namespace
}  // namespace postern::tcp
