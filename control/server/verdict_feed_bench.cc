#include "control/server/verdict_feed.h"

#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <filesystem>

#include "control/ledger/sqlite_ledger.h"
#include "control/server/wire.h"

namespace postern::server {
namespace {

std::vector<ledger::Change> changes(int64_t count) {
  std::vector<ledger::Change> out;
  for (int64_t i = 0; i < count; ++i) {
    const uint8_t address[4] = {10, static_cast<uint8_t>(i >> 16), static_cast<uint8_t>(i >> 8),
                                static_cast<uint8_t>(i)};
    out.push_back({ledger::Action::kSet,
                   {.prefix = IpPrefix::host(IpAddress::from_v4(address)),
                    .treatment = channel::v1::TREATMENT_REFUSE,
                    .case_reference = {static_cast<uint64_t>(i) + 1},
                    .reason = "relays spam",
                    .author = "bench",
                    .set_unix_s = 1}});
  }
  return out;
}

// A delta and its wire form, from changes in hand.
void BM_DeltaBuild(benchmark::State& state) {
  const auto all = changes(state.range(0));
  const ledger::Version to{"0123456789abcdef0123456789abcdef", 2};
  for (auto _ : state) benchmark::DoNotOptimize(delta_of(to, 1, all).SerializeAsString());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_DeltaBuild)->Arg(1)->Arg(10'000);

// A whole snapshot from the ledger, part by part, in wire form.
void BM_SnapshotBuild(benchmark::State& state) {
  std::string name = std::filesystem::temp_directory_path() / "postern-feed-bench-XXXXXX";
  const std::filesystem::path directory = mkdtemp(name.data());
  {
    const auto ledger = std::move(*ledger::open_sqlite_ledger(directory / "ledger.sqlite"));
    if (!ledger->apply(changes(state.range(0)))) state.SkipWithError("not set");
    for (auto _ : state) {
      VerdictFeed feed(*ledger);
      feed.hello({});
      while (feed.ready_at()) benchmark::DoNotOptimize(feed.next({})->SerializeAsString());
    }
  }
  std::filesystem::remove_all(directory);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_SnapshotBuild)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace postern::server
