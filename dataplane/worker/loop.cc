#include "dataplane/worker/loop.h"

#include <rte_cycles.h>
#include <rte_prefetch.h>
#include <sys/prctl.h>

#include <algorithm>
#include <utility>

#include "dataplane/verdict/verdict_table.h"

namespace postern::worker {

std::expected<std::unique_ptr<Worker>, std::string> Worker::create(
    const PipelineConfig& config, const WorkerSurroundings& surroundings, const WorkerLanes& lanes,
    EventSink* events, uint32_t idle_sleep_us) {
  std::unique_ptr<Worker> worker(new Worker(config.worker, surroundings, lanes, idle_sleep_us));
  auto pipeline = Pipeline::create(config, surroundings.frames, surroundings.verdicts, events,
                                   &worker->transmitter_, &worker->counters_);
  if (!pipeline) return std::unexpected(pipeline.error());
  worker->pipeline_ = std::move(*pipeline);
  if (lanes.reassembly) {
    auto reassembly = ports::Reassembly::create(*lanes.reassembly, surroundings.frames,
                                                &worker->counters_, lanes.handover);
    if (!reassembly) return std::unexpected(reassembly.error());
    worker->reassembly_ = std::move(*reassembly);
  }
  return worker;
}

Worker::Worker(uint32_t number, const WorkerSurroundings& surroundings, const WorkerLanes& lanes,
               uint32_t idle_sleep_us)
    : number_(number),
      surroundings_(surroundings),
      lanes_(lanes),
      rest_(idle_sleep_us),
      transmitter_(lanes.transmit, &counters_) {}

void Worker::run() {
  // Idle sleeps end when they should, not up to 50 µs later.
  prctl(PR_SET_TIMERSLACK, 1);
  // Cannot fail: the table was made for this many readers.
  (void)surroundings_.verdicts->register_reader(number_);
  // The set that was posted before the start is in force from the first frame on.
  read_mailbox();
  while (!stopping_.load(std::memory_order_relaxed)) {
    const Now now = surroundings_.clock->now();
    const uint32_t inside = receive(packet::Side::kInside, now);
    const uint32_t outside = receive(packet::Side::kOutside, now);
    pipeline_->set_overloaded(overload_.after(inside == kBurst || outside == kBurst));
    pipeline_->expire(now);
    transmitter_.flush();
    read_mailbox();
    publish_state();
    surroundings_.verdicts->quiescent(number_);
    rest_.after(inside + outside);
  }
  if (reassembly_) reassembly_->clear();
  pipeline_->clear(surroundings_.clock->now());
  transmitter_.flush();
  publish_state();
  surroundings_.verdicts->unregister_reader(number_);
}

// One burst from one side, through the pipeline. How many frames it was.
uint32_t Worker::receive(packet::Side side, const Now& now) {
  std::array<rte_mbuf*, kBurst> burst;
  const uint16_t received = lanes_.receive[static_cast<size_t>(side)].receive(burst.data(), kBurst);
  // Headers first: they are what each frame's path touches at once.
  for (uint16_t i = 0; i < received; ++i) rte_prefetch0(rte_pktmbuf_mtod(burst[i], void*));
  std::span<rte_mbuf*> whole(burst.data(), received);
  if (reassembly_) whole = reassembly_->reassemble(whole, side, now);
  // Fragments that become segments can be more frames than came in.
  for (size_t at = 0; at < whole.size(); at += kBurst)
    process(whole.subspan(at, std::min<size_t>(kBurst, whole.size() - at)), side, now);
  return received;
}

void Worker::process(std::span<rte_mbuf*> burst, packet::Side side, const Now& now) {
  std::array<packet::Frame*, kBurst> frames;
  size_t count = 0;
  for (rte_mbuf* mbuf : burst) {
    frames[count] = surroundings_.frames->attach(mbuf);
    if (frames[count] != nullptr)
      ++count;
    else
      counters_.add(Counter::kDropOversize);
  }
  pipeline_->process({frames.data(), count}, side, now);
}

void Worker::read_mailbox() {
  if (!mailbox_full_.load(std::memory_order_acquire)) return;
  const uint64_t begin = rte_rdtsc();
  pipeline_->use_signature_set(std::move(mailbox_.set), mailbox_.generation, mailbox_.scratch,
                               std::move(mailbox_.shadow));
  adopted_.store(mailbox_.generation, std::memory_order_release);
  mailbox_full_.store(false, std::memory_order_release);
  const uint64_t cycles = rte_rdtsc() - begin;
  const uint64_t took_ns = cycles * 1'000'000'000 / rte_get_tsc_hz();
  if (took_ns > adoption_ns_.load(std::memory_order_relaxed))
    adoption_ns_.store(took_ns, std::memory_order_relaxed);
}

void Worker::publish_state() {
  flows_.store(pipeline_->flows(), std::memory_order_relaxed);
  messages_.store(pipeline_->messages_in_flight(), std::memory_order_relaxed);
  if (pipeline_->messages_of_former_sets() == 0)
    settled_.store(adopted_.load(std::memory_order_relaxed), std::memory_order_release);
}

bool Worker::post(const SignatureChange& change) {
  if (mailbox_full_.load(std::memory_order_acquire)) return false;
  mailbox_ = change;
  mailbox_full_.store(true, std::memory_order_release);
  return true;
}

}  // namespace postern::worker
