#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "dataplane/verdict/decide.h"
#include "dataplane/verdict/verdict_table.h"

namespace postern::verdict {
namespace {

// Nine in ten are single addresses, the rest prefixes of four lengths.
std::vector<PrefixVerdict> verdicts(size_t count) {
  std::mt19937 random(1);
  std::vector<PrefixVerdict> out;
  out.reserve(count);
  constexpr uint8_t kLengths[] = {16, 20, 24, 28};
  while (out.size() < count) {
    const uint32_t n = random();
    const auto address = IpAddress::from_v4(reinterpret_cast<const uint8_t*>(&n));
    const bool host = out.size() % 10 != 0;
    out.push_back(
        {host ? IpPrefix::host(address) : IpPrefix::containing(address, kLengths[random() % 4]),
         Treatment::kRefuse, 0, CaseReference{n}, 0});
  }
  return out;
}

void BM_VerdictLookup(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  auto table = *VerdictTable::create({.capacity = static_cast<uint32_t>(count)});
  const auto all = verdicts(count);
  table->replace_all(all).value();
  std::mt19937 random(2);
  std::vector<IpAddress> asked;
  for (int i = 0; i < 1 << 16; ++i) {  // half of them known, half not
    const uint32_t n = random();
    asked.push_back(i % 2 ? all[n % count].prefix.address
                          : IpAddress::from_v4(reinterpret_cast<const uint8_t*>(&n)));
  }
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(table->lookup(asked[i++ & 0xffff], 1));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_VerdictLookup)->Arg(10'000)->Arg(1'000'000);

void BM_VerdictReplaceAll(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  const auto all = verdicts(count);
  for (auto _ : state) {
    state.PauseTiming();
    auto table = *VerdictTable::create({.capacity = static_cast<uint32_t>(count)});
    state.ResumeTiming();
    table->replace_all(all).value();
    state.PauseTiming();
    table.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(count));
}
BENCHMARK(BM_VerdictReplaceAll)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

void BM_Decide(benchmark::State& state) {
  ThrottleBucket bucket;
  const Verdict verdict{Treatment::kThrottle, 1'000'000, {}, &bucket};
  const Findings findings{.has_signature_set = true, .score = 1};
  Now now;
  for (auto _ : state) {
    now.monotonic_us += 100;
    benchmark::DoNotOptimize(decide(verdict, findings, {}, now));
  }
}
BENCHMARK(BM_Decide);

}  // namespace
}  // namespace postern::verdict
