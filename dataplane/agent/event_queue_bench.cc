#include <benchmark/benchmark.h>

#include "dataplane/agent/event_queue.h"

namespace postern::agent {
namespace {

void BM_EventQueueReservePublishDrain(benchmark::State& state) {
  EventQueue queue(1024);
  for (auto _ : state) {
    worker::Event* event = queue.reserve();
    event->score = 1;
    queue.publish(event);
    queue.drain([](const worker::Event& e) { benchmark::DoNotOptimize(e.score); });
  }
}
BENCHMARK(BM_EventQueueReservePublishDrain);

}  // namespace
}  // namespace postern::agent
