#include <benchmark/benchmark.h>

#include <array>
#include <map>
#include <memory>
#include <random>
#include <span>
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

// `hosts` single addresses and as many prefixes as one table of a big operator may have.
struct Held {
  std::vector<IpAddress> hosts;
  std::unique_ptr<VerdictTable> table;
};

constexpr uint32_t kPrefixes = 4'000;

const Held& held(uint32_t hosts) {
  static std::map<uint32_t, Held> all;  // one at a time: the largest takes a GiB
  if (const auto found = all.find(hosts); found != all.end()) return found->second;
  all.clear();
  Held& out = all[hosts];
  out.table = *VerdictTable::create({.capacity = hosts + kPrefixes});
  std::mt19937 random(1);
  std::vector<PrefixVerdict> some;
  const auto put = [&] {
    out.table->apply(some, {}).value();
    some.clear();
  };
  const auto next = [&] {
    const uint32_t n = random();
    return IpAddress::from_v4(reinterpret_cast<const uint8_t*>(&n));
  };
  constexpr uint8_t kLengths[] = {16, 20, 24, 28};
  for (uint32_t i = 0; i < kPrefixes; ++i)
    some.push_back({IpPrefix::containing(next(), kLengths[i % 4]), Treatment::kRefuse});
  for (uint32_t i = 0; i < hosts; ++i) {
    out.hosts.push_back(next());
    some.push_back({IpPrefix::host(out.hosts.back()), Treatment::kRefuse, 0, CaseReference{i}, 0});
    if (some.size() > 100'000) put();
  }
  put();
  return out;
}

constexpr size_t kAsked = 1 << 18;

// Arguments: hosts held, whether the addresses asked for are among them.
std::vector<IpAddress> asked(const benchmark::State& state) {
  const auto& hosts = held(static_cast<uint32_t>(state.range(0))).hosts;
  std::mt19937 random(2);
  std::vector<IpAddress> out;
  for (size_t i = 0; i < kAsked; ++i) {
    const uint32_t n = random();
    out.push_back(state.range(1) != 0 ? hosts[n % hosts.size()]
                                      : IpAddress::from_v4(reinterpret_cast<const uint8_t*>(&n)));
  }
  return out;
}

void BM_VerdictLookup(benchmark::State& state) {
  const VerdictTable& table = *held(static_cast<uint32_t>(state.range(0))).table;
  const auto addresses = asked(state);
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(table.lookup(addresses[i++ % kAsked], 1));
  }
  state.SetItemsProcessed(state.iterations());
}

void BM_VerdictLookupBurst(benchmark::State& state) {
  constexpr size_t kBurst = 32;
  const VerdictTable& table = *held(static_cast<uint32_t>(state.range(0))).table;
  const auto addresses = asked(state);
  std::array<Verdict, kBurst> verdicts;
  size_t i = 0;
  for (auto _ : state) {
    table.lookup_burst(std::span(addresses).subspan(i % kAsked, kBurst), 1, verdicts);
    benchmark::DoNotOptimize(verdicts);
    i += kBurst;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kBurst));
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  for (const int hosts : {10'000, 1'000'000, 10'000'000}) {
    for (const int present : {1, 0}) benchmark->Args({hosts, present});
  }
  benchmark->ArgNames({"hosts", "present"});
}
BENCHMARK(BM_VerdictLookup)->Apply(sizes);
BENCHMARK(BM_VerdictLookupBurst)->Apply(sizes);

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
