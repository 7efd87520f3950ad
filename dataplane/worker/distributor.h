// The distributor: one lcore that reads both ports and feeds the workers, where the NICs cannot.
//
// Theory of operation. Each frame goes by its symmetric hash (ports/flow_hash.h) to a worker's
// ring, one ring for each side and worker, one producer and one consumer. Frames of a flow thus
// stay in order and both directions meet. Workers send by queues of their own when the ports have
// enough; otherwise by rings back to the distributor, which empties them on to the ports' only
// queue. IP fragments show no ports, so those of mail are put together before frames are spread.
#pragma once

#include <rte_ring.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/counters.h"
#include "dataplane/packet/frame.h"
#include "dataplane/ports/clock.h"
#include "dataplane/ports/lane.h"
#include "dataplane/ports/reassembly.h"
#include "dataplane/worker/idle_rest.h"

namespace postern::worker {

struct RingFree {
  void operator()(rte_ring* ring) const { rte_ring_free(ring); }
};
using Ring = std::unique_ptr<rte_ring, RingFree>;

class Distributor {
 public:
  // On the main thread. `receive` and `transmit` are the ports' lanes by packet::Side;
  // `send_for_workers`: makes the rings back as well. `frames` and `clock` outlive it.
  static std::expected<std::unique_ptr<Distributor>, std::string> create(
      uint32_t workers, const std::array<ports::RxLane, 2>& receive,
      const std::array<ports::TxLane, 2>& transmit, bool send_for_workers, uint32_t idle_sleep_us,
      const ports::ReassemblyConfig& reassembly, ports::MbufFrameSource* frames,
      const ports::Clock* clock);

  // The worker's ends of its rings.
  ports::RxLane to_worker(uint32_t worker, packet::Side side) const;
  ports::TxLane from_worker(uint32_t worker, packet::Side side) const;

  // On the distributor's lcore: returns after stop(). The workers must have stopped before: what
  // they sent last is still transmitted, what they did not take is freed.
  void run();
  void stop() { stopping_.store(true, std::memory_order_relaxed); }  // any thread
  const Counters& counters() const { return counters_; }

 private:
  static constexpr uint16_t kBurst = 32;
  static constexpr uint32_t kRingFrames = 1024;

  struct Rings {
    std::array<Ring, 2> to, from;  // by packet::Side
  };
  Distributor(const std::array<ports::RxLane, 2>& receive,
              const std::array<ports::TxLane, 2>& transmit, uint32_t idle_sleep_us,
              const ports::Clock* clock);
  uint32_t distribute(packet::Side side);
  void spread(std::span<rte_mbuf*> frames, packet::Side side);
  uint32_t send_for_workers();
  void drop_undelivered();

  std::vector<Rings> rings_;  // by worker
  std::array<ports::RxLane, 2> receive_;
  std::array<ports::TxLane, 2> transmit_;
  struct Batch {
    uint16_t count = 0;
    std::array<rte_mbuf*, kBurst> frames;
  };
  std::vector<Batch> batches_;  // by worker: of the burst at hand
  IdleRest rest_;
  const ports::Clock* clock_;
  Counters counters_;
  std::unique_ptr<ports::Reassembly> reassembly_;
  alignas(64) std::atomic<bool> stopping_{false};
};

}  // namespace postern::worker
