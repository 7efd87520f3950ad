// What every frame pays so that fragments are found among them.
#include "dataplane/packet/fragment.h"

#include <benchmark/benchmark.h>

#include "dataplane/packet/testing/builder.h"

namespace postern::packet {
namespace {

using testing::Packet;

void ask(benchmark::State& state, const Packet& packet) {
  const auto bytes = packet.bytes();
  std::span<const uint8_t> frame(bytes);
  for (auto _ : state) {
    benchmark::DoNotOptimize(frame);
    benchmark::DoNotOptimize(may_be_fragment(frame));
  }
  state.SetItemsProcessed(state.iterations());
}

void BM_MayBeFragmentIpv4(benchmark::State& state) { ask(state, {.payload = "x"}); }
BENCHMARK(BM_MayBeFragmentIpv4);

void BM_MayBeFragmentIpv6(benchmark::State& state) {
  ask(state, {.from = "[2001:db8::7]:40000", .to = "[2001:db8::25]:25"});
}
BENCHMARK(BM_MayBeFragmentIpv6);

void BM_MayBeFragmentQinq(benchmark::State& state) { ask(state, {.vlans = {100, 7}}); }
BENCHMARK(BM_MayBeFragmentQinq);

}  // namespace
}  // namespace postern::packet
