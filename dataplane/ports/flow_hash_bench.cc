#include "dataplane/ports/flow_hash.h"

#include <benchmark/benchmark.h>

#include <vector>

#include "dataplane/packet/testing/builder.h"

namespace {

void hash_frame(benchmark::State& state, const postern::packet::testing::Packet& packet) {
  const std::vector<uint8_t> bytes = packet.bytes();
  for (auto _ : state) benchmark::DoNotOptimize(postern::ports::symmetric_flow_hash(bytes));
}

void BM_FlowHashIpv4(benchmark::State& state) { hash_frame(state, {}); }
void BM_FlowHashIpv6(benchmark::State& state) {
  hash_frame(state, {.from = "[2001:db8::7]:40000", .to = "[2001:db8::1]:25"});
}
BENCHMARK(BM_FlowHashIpv4);
BENCHMARK(BM_FlowHashIpv6);

}  // namespace
