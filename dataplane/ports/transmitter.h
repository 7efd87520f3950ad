// A worker's way out: frames gather in a small batch for each side and leave by its lanes.
#pragma once

#include <array>

#include "dataplane/counters.h"
#include "dataplane/ports/lane.h"
#include "dataplane/ports/mbuf_frame_source.h"
#include "dataplane/worker/pipeline.h"

namespace postern::ports {

// One worker's. What a full queue does not take is dropped and counted (drop_transmit): waiting
// would stop the worker, and TCP sends again.
class LaneTransmitter final : public worker::Transmitter {
 public:
  struct Way {
    TxLane lane;
    ChecksumOffload offload = ChecksumOffload::kNone;
  };
  // Ways by packet::Side.
  LaneTransmitter(const std::array<Way, 2>& ways, Counters* counters);

  void send(packet::Frame* frame, packet::Side out) override;
  // Sends what has gathered. After each burst.
  void flush();

 private:
  static constexpr uint16_t kBatch = 32;
  struct Batch {
    Way way;
    uint16_t count = 0;
    std::array<rte_mbuf*, kBatch> frames;
  };
  void flush(Batch& batch);

  std::array<Batch, 2> batches_;
  Counters* counters_;
};

// Sends `count` frames by `lane`; frees those that it does not take. Counts both.
void transmit_or_drop(const TxLane& lane, rte_mbuf** frames, uint16_t count, Counters* counters);

}  // namespace postern::ports
