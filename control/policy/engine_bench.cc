#include "control/policy/engine.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <stdlib.h>

#include <filesystem>

#include "control/ledger/sqlite_ledger.h"

namespace postern::policy {
namespace {

// Events through the engine, a hundred a batch: of a thousand servers, one message in a hundred
// spam, so that few are ever judged; and of one server that sends nothing but different spam.
void BM_PolicyObserve(benchmark::State& state) {
  const bool all_spam = state.range(0) != 0;
  std::string name = std::filesystem::temp_directory_path() / "postern-policy-bench-XXXXXX";
  const std::filesystem::path directory = mkdtemp(name.data());
  {
    auto ledger = std::move(*ledger::open_sqlite_ledger(directory / "ledger.sqlite"));
    constexpr uint64_t kNow = 1'800'000'000;
    Engine engine(
        *ledger, [&](std::span<const ledger::Change> changes) { return ledger->apply(changes); },
        [](CaseReference, const std::string&) {}, usual_settings(), kNow);
    constexpr int kBatch = 100;
    uint64_t number = 0;
    for (auto _ : state) {
      channel::v1::EventBatch batch;
      for (int i = 0; i < kBatch; ++i, ++number) {
        channel::v1::Event& event = *batch.add_events();
        event.set_kind("message");
        event.set_client(all_spam ? "192.0.2.7"
                                  : fmt::format("10.0.{}.{}", number % 4, number % 250));
        event.set_outcome(all_spam || number % 100 == 0 ? "refused_content" : "forwarded");
        event.set_content_hash(fmt::format("{:016x}", number));
        event.set_wall_us(kNow * 1'000'000);
      }
      engine.observe(batch, kNow);
      engine.drain();
    }
    state.SetItemsProcessed(state.iterations() * kBatch);
    state.SetLabel(all_spam ? "one server, all spam" : "1,000 servers, 1 % spam");
  }
  std::filesystem::remove_all(directory);
}
BENCHMARK(BM_PolicyObserve)->Arg(0)->Arg(1)->UseRealTime();

}  // namespace
}  // namespace postern::policy
