// A worker: one lcore that polls its lanes, drives its pipeline and sends what comes out.
//
// Theory of operation. run() is the worker's whole life and reads as one page: what came from the
// customers (front), what came from the Internet (back), one step of timeouts, transmission, the
// mailbox, a quiescent state for the verdict table's writer. The main thread reaches a worker only
// by its mailbox, one slot that is full or empty: a new signature set goes in, and how far the
// worker has got with it is read from adopted_generation() and settled_generation(). With nothing
// to do, a worker polls on (idle_sleep_us 0) or sleeps for moments.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "dataplane/counters.h"
#include "dataplane/ports/clock.h"
#include "dataplane/ports/lane.h"
#include "dataplane/ports/mbuf_frame_source.h"
#include "dataplane/ports/reassembly.h"
#include "dataplane/ports/transmitter.h"
#include "dataplane/scan/scanner.h"
#include "dataplane/worker/idle_rest.h"
#include "dataplane/worker/overload.h"
#include "dataplane/worker/pipeline.h"

namespace postern::verdict {
class VerdictTable;
}

namespace postern::worker {

// What the main thread puts into a worker's mailbox.
struct SignatureChange {
  std::shared_ptr<const scan::SignatureSet> set;
  std::shared_ptr<const scan::SignatureSet> shadow;  // null: none
  uint64_t generation = 0;
  scan::MessageScan::Scratch* scratch = nullptr;  // prepared for both
};

struct WorkerLanes {
  std::array<ports::RxLane, 2> receive;  // by packet::Side
  std::array<ports::LaneTransmitter::Way, 2> transmit;
  // Frames come straight from ports, fragments among them; a distributor does it for its workers.
  std::optional<ports::ReassemblyConfig> reassembly;
  ports::Handover* handover = nullptr;  // where NICs spread flows over several workers
};

// What all workers share; outlives them.
struct WorkerSurroundings {
  ports::MbufFrameSource* frames = nullptr;
  const ports::Clock* clock = nullptr;
  verdict::VerdictTable* verdicts = nullptr;
};

class Worker {
 public:
  // On the main thread; memory for the pipeline is taken here. `config.worker` is its number and
  // its reader id at the verdict table. `idle_sleep_us` 0: polls without rest.
  static std::expected<std::unique_ptr<Worker>, std::string> create(
      const PipelineConfig& config, const WorkerSurroundings& surroundings,
      const WorkerLanes& lanes, EventSink* events, uint32_t idle_sleep_us);

  // On the worker's lcore: returns after stop(), with every flow forgotten and every frame
  // released.
  void run();

  // The main thread. False: the mailbox is full, the change before has not been picked up yet.
  bool post(const SignatureChange& change);

  // Any thread from here on.
  void stop() { stopping_.store(true, std::memory_order_relaxed); }
  // Of the signature set that new messages are scanned with; 0: none yet.
  uint64_t adopted_generation() const { return adopted_.load(std::memory_order_acquire); }
  // No message that began on a set before this one is under way, and their scratch is free.
  uint64_t settled_generation() const { return settled_.load(std::memory_order_acquire); }
  // The longest that taking a new set has kept this worker from its frames, in nanoseconds.
  uint64_t longest_adoption_ns() const { return adoption_ns_.load(std::memory_order_relaxed); }
  // As of the last loop.
  uint64_t flows() const { return flows_.load(std::memory_order_relaxed); }
  uint64_t messages_in_flight() const { return messages_.load(std::memory_order_relaxed); }
  const Counters& counters() const { return counters_; }
  uint32_t number() const { return number_; }

 private:
  static constexpr uint16_t kBurst = 32;

  Worker(uint32_t number, const WorkerSurroundings& surroundings, const WorkerLanes& lanes,
         uint32_t idle_sleep_us);
  uint32_t receive(packet::Side side, const Now& now);
  void process(std::span<rte_mbuf*> burst, packet::Side side, const Now& now);
  void read_mailbox();
  void publish_state();

  const uint32_t number_;
  const WorkerSurroundings surroundings_;
  const WorkerLanes lanes_;
  IdleRest rest_;
  Overload overload_;
  Counters counters_;
  ports::LaneTransmitter transmitter_;
  std::unique_ptr<ports::Reassembly> reassembly_;  // null: nothing to put together
  std::unique_ptr<Pipeline> pipeline_;

  SignatureChange mailbox_;  // the main thread's while not full, the worker's while full
  alignas(64) std::atomic<bool> mailbox_full_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> adopted_{0}, settled_{0};
  std::atomic<uint64_t> adoption_ns_{0};
  std::atomic<uint64_t> flows_{0}, messages_{0};
};

}  // namespace postern::worker
