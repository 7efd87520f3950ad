#include <benchmark/benchmark.h>

#include "bench/yardstick.h"

namespace {

// What all others are compared by from one version to another.
void BM_Yardstick(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(postern::bench::yardstick());
}
BENCHMARK(BM_Yardstick);

}  // namespace

BENCHMARK_MAIN();
