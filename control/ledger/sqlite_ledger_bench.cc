#include "control/ledger/sqlite_ledger.h"

#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <filesystem>

namespace postern::ledger {
namespace {

// A ledger in a directory of its own.
struct Room {
  Room() {
    std::string name = std::filesystem::temp_directory_path() / "postern-ledger-bench-XXXXXX";
    directory = mkdtemp(name.data());
    ledger = std::move(*open_sqlite_ledger(directory / "ledger.sqlite"));
  }
  ~Room() {
    ledger.reset();
    std::filesystem::remove_all(directory);
  }
  std::filesystem::path directory;
  std::unique_ptr<Ledger> ledger;
};

Change verdict_number(uint32_t i) {
  const uint8_t address[4] = {10, static_cast<uint8_t>(i >> 16), static_cast<uint8_t>(i >> 8),
                              static_cast<uint8_t>(i)};
  return {Action::kSet,
          {.prefix = IpPrefix::host(IpAddress::from_v4(address)),
           .treatment = Treatment::TREATMENT_REFUSE,
           .case_reference = {i + 1},
           .reason = "relays spam",
           .author = "bench",
           .set_unix_s = 1}};
}

// Events into the ledger, in batches as a data plane sends them; each batch is one durable commit.
void BM_LedgerStoreEvents(benchmark::State& state) {
  Room room;
  channel::v1::EventBatch batch;
  batch.set_boot("bench");
  for (int64_t i = 0; i < state.range(0); ++i) {
    channel::v1::Event* event = batch.add_events();
    event->set_kind("message");
    event->set_outcome("refused_content");
    event->set_client("192.0.2.7");
    event->set_server("198.51.100.25");
    event->set_mail_from("someone@customer.example");
    event->add_recipients("victim@elsewhere.example");
    event->set_subject("You have won");
    event->add_rules("ADVANCE_FEE_1");
    event->add_rules("ADVANCE_FEE_2");
  }
  for (auto _ : state) {
    batch.set_batch(batch.batch() + 1);
    if (!room.ledger->store_events("edge-1", batch, 1)) state.SkipWithError("not stored");
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_LedgerStoreEvents)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond)->UseRealTime();

// One change, durable.
void BM_LedgerSetOneVerdict(benchmark::State& state) {
  Room room;
  uint32_t i = 0;
  for (auto _ : state) {
    if (!room.ledger->apply(std::vector{verdict_number(i++)})) state.SkipWithError("not set");
  }
}
BENCHMARK(BM_LedgerSetOneVerdict)->Unit(benchmark::kMicrosecond)->UseRealTime();

}  // namespace
}  // namespace postern::ledger
