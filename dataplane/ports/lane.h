// Where a worker's frames of one side come from and go to: a queue of a port, or a ring that the
// distributor stands behind. One thread at each end.
#pragma once

#include <rte_ethdev.h>
#include <rte_ring.h>

#include <cstdint>

namespace postern::ports {

class RxLane {
 public:
  static RxLane from_queue(uint16_t port, uint16_t queue) { return {nullptr, port, queue}; }
  static RxLane from_ring(rte_ring* ring) { return {ring, 0, 0}; }
  RxLane() = default;

  // Up to `room` frames; how many were received.
  uint16_t receive(rte_mbuf** frames, uint16_t room) const {
    if (ring_ != nullptr)
      return static_cast<uint16_t>(
          rte_ring_sc_dequeue_burst(ring_, reinterpret_cast<void**>(frames), room, nullptr));
    return rte_eth_rx_burst(port_, queue_, frames, room);
  }

 private:
  RxLane(rte_ring* ring, uint16_t port, uint16_t queue) : ring_(ring), port_(port), queue_(queue) {}
  rte_ring* ring_ = nullptr;
  uint16_t port_ = 0, queue_ = 0;
};

class TxLane {
 public:
  static TxLane to_queue(uint16_t port, uint16_t queue) { return {nullptr, port, queue}; }
  static TxLane to_ring(rte_ring* ring) { return {ring, 0, 0}; }
  TxLane() = default;

  // A ring is not the end of the way: who empties it hands its frames to the port.
  bool is_port() const { return ring_ == nullptr; }

  // How many, from the first, were taken; the rest stays the caller's.
  uint16_t transmit(rte_mbuf** frames, uint16_t count) const {
    if (ring_ != nullptr)
      return static_cast<uint16_t>(
          rte_ring_sp_enqueue_burst(ring_, reinterpret_cast<void**>(frames), count, nullptr));
    return rte_eth_tx_burst(port_, queue_, frames, count);
  }

 private:
  TxLane(rte_ring* ring, uint16_t port, uint16_t queue) : ring_(ring), port_(port), queue_(queue) {}
  rte_ring* ring_ = nullptr;
  uint16_t port_ = 0, queue_ = 0;
};

}  // namespace postern::ports
