// Finding a frame's flow among few and among many, and the life of a flow in the table.
#include "dataplane/worker/keyed_table.h"

#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "dataplane/worker/flow.h"

namespace postern::worker {
namespace {

FlowKey key(uint32_t n) {
  FlowKey key;
  const uint8_t client[4] = {10, static_cast<uint8_t>(n >> 24), static_cast<uint8_t>(n >> 16),
                             static_cast<uint8_t>(n >> 8)};
  key.low = IpAddress::from_v4(client);
  key.high = *IpAddress::parse("198.51.100.1");
  key.low_port = static_cast<uint16_t>(1024 + (n & 255));
  key.high_port = 25;
  return key;
}

// Asks for flows in an order that no cache foresees.
void BM_FlowFind(benchmark::State& state) {
  const auto count = static_cast<uint32_t>(state.range(0));
  KeyedTable<Flow> table(count, 7);
  for (uint32_t i = 0; i < count; ++i) table.insert(key(i));
  std::mt19937 random(1);
  std::vector<FlowKey> asked;
  for (int i = 0; i < 1 << 14; ++i) asked.push_back(key(random() % count));
  size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(table.find(asked[i++ & 0x3fff]));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_FlowFind)->Arg(64)->Arg(10'000)->Arg(200'000);

void BM_FlowFindUnknown(benchmark::State& state) {
  constexpr uint32_t kFlows = 10'000;
  KeyedTable<Flow> table(kFlows, 7);
  for (uint32_t i = 0; i < kFlows; ++i) table.insert(key(i));
  std::vector<FlowKey> asked;
  for (uint32_t i = 0; i < 1 << 14; ++i) asked.push_back(key(kFlows + i));
  size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(table.find(asked[i++ & 0x3fff]));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_FlowFindUnknown);

void BM_FlowInsertErase(benchmark::State& state) {
  constexpr uint32_t kFlows = 10'000;
  KeyedTable<Flow> table(kFlows + 1, 7);
  for (uint32_t i = 0; i < kFlows; ++i) table.insert(key(i));
  uint32_t n = kFlows;
  for (auto _ : state) {
    Flow* flow = table.insert(key(n++));
    benchmark::DoNotOptimize(flow);
    table.erase(flow);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_FlowInsertErase);

}  // namespace
}  // namespace postern::worker
