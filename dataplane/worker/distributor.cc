#include "dataplane/worker/distributor.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>
#include <sys/prctl.h>

#include <algorithm>

#include "dataplane/ports/flow_hash.h"
#include "dataplane/ports/transmitter.h"

namespace postern::worker {
namespace {

std::expected<Ring, std::string> make_ring(const std::string& name, uint32_t frames) {
  Ring ring(rte_ring_create(name.c_str(), frames, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ));
  if (ring == nullptr)
    return std::unexpected(fmt::format("ring {}: {}", name, rte_strerror(rte_errno)));
  return ring;
}

}  // namespace

Distributor::Distributor(const std::array<ports::RxLane, 2>& receive,
                         const std::array<ports::TxLane, 2>& transmit, uint32_t idle_sleep_us,
                         const ports::Clock* clock)
    : receive_(receive), transmit_(transmit), rest_(idle_sleep_us), clock_(clock) {}

std::expected<std::unique_ptr<Distributor>, std::string> Distributor::create(
    uint32_t workers, const std::array<ports::RxLane, 2>& receive,
    const std::array<ports::TxLane, 2>& transmit, bool send_for_workers, uint32_t idle_sleep_us,
    const ports::ReassemblyConfig& reassembly, ports::MbufFrameSource* frames,
    const ports::Clock* clock) {
  std::unique_ptr<Distributor> distributor(
      new Distributor(receive, transmit, idle_sleep_us, clock));
  auto made = ports::Reassembly::create(reassembly, frames, &distributor->counters_);
  if (!made) return std::unexpected(made.error());
  distributor->reassembly_ = std::move(*made);
  distributor->rings_.resize(workers);
  distributor->batches_.resize(workers);
  for (uint32_t worker = 0; worker < workers; ++worker) {
    for (size_t side = 0; side < 2; ++side) {
      Rings& rings = distributor->rings_[worker];
      auto to = make_ring(fmt::format("to_worker_{}_{}", worker, side), kRingFrames);
      if (!to) return std::unexpected(to.error());
      rings.to[side] = std::move(*to);
      if (!send_for_workers) continue;
      auto from = make_ring(fmt::format("from_worker_{}_{}", worker, side), kRingFrames);
      if (!from) return std::unexpected(from.error());
      rings.from[side] = std::move(*from);
    }
  }
  return distributor;
}

ports::RxLane Distributor::to_worker(uint32_t worker, packet::Side side) const {
  return ports::RxLane::from_ring(rings_[worker].to[static_cast<size_t>(side)].get());
}

ports::TxLane Distributor::from_worker(uint32_t worker, packet::Side side) const {
  return ports::TxLane::to_ring(rings_[worker].from[static_cast<size_t>(side)].get());
}

void Distributor::run() {
  prctl(PR_SET_TIMERSLACK, 1);
  while (!stopping_.load(std::memory_order_relaxed)) {
    uint32_t moved = distribute(packet::Side::kInside);
    moved += distribute(packet::Side::kOutside);
    moved += send_for_workers();
    rest_.after(moved);
  }
  reassembly_->clear();
  while (send_for_workers() > 0) {
  }
  drop_undelivered();
}

// One burst of one port, to the workers' rings.
uint32_t Distributor::distribute(packet::Side side) {
  std::array<rte_mbuf*, kBurst> burst;
  const uint16_t received = receive_[static_cast<size_t>(side)].receive(burst.data(), kBurst);
  for (uint16_t i = 0; i < received; ++i) rte_prefetch0(rte_pktmbuf_mtod(burst[i], void*));
  auto whole = reassembly_->reassemble({burst.data(), received}, side, clock_->now());
  // Fragments that become segments can be more frames than came in.
  for (; !whole.empty(); whole = whole.subspan(std::min<size_t>(whole.size(), kBurst)))
    spread(whole.first(std::min<size_t>(whole.size(), kBurst)), side);
  return received;
}

// At most a burst.
void Distributor::spread(std::span<rte_mbuf*> frames, packet::Side side) {
  const auto workers = static_cast<uint32_t>(rings_.size());
  for (rte_mbuf* frame : frames) {
    const std::span<const uint8_t> bytes(rte_pktmbuf_mtod(frame, const uint8_t*), frame->data_len);
    Batch& batch = batches_[ports::worker_of(ports::symmetric_flow_hash(bytes), workers)];
    batch.frames[batch.count++] = frame;
  }
  for (uint32_t worker = 0; worker < workers; ++worker) {
    Batch& batch = batches_[worker];
    if (batch.count == 0) continue;
    const auto taken = static_cast<uint16_t>(rte_ring_sp_enqueue_burst(
        rings_[worker].to[static_cast<size_t>(side)].get(),
        reinterpret_cast<void**>(batch.frames.data()), batch.count, nullptr));
    if (taken < batch.count) {
      counters_.add(Counter::kDropWorkerQueue, batch.count - taken);
      rte_pktmbuf_free_bulk(batch.frames.data() + taken, batch.count - taken);
    }
    batch.count = 0;
  }
}

// What workers without sending queues of their own have put into their rings.
uint32_t Distributor::send_for_workers() {
  uint32_t moved = 0;
  std::array<rte_mbuf*, kBurst> burst;
  for (const Rings& rings : rings_) {
    for (size_t side = 0; side < 2; ++side) {
      if (rings.from[side] == nullptr) continue;
      const auto count = static_cast<uint16_t>(rte_ring_sc_dequeue_burst(
          rings.from[side].get(), reinterpret_cast<void**>(burst.data()), kBurst, nullptr));
      if (count == 0) continue;
      ports::transmit_or_drop(transmit_[side], burst.data(), count, &counters_);
      moved += count;
    }
  }
  return moved;
}

void Distributor::drop_undelivered() {
  void* frame = nullptr;
  for (const Rings& rings : rings_)
    for (const Ring& ring : rings.to)
      while (rte_ring_sc_dequeue(ring.get(), &frame) == 0) {
        rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
        counters_.add(Counter::kDropWorkerQueue);
      }
}

}  // namespace postern::worker
