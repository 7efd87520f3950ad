// The gate, assembled: two ports, a pool of frames, workers and, when they need it, a distributor.
//
// Theory of operation. assemble() opens everything from the settings, launch() sends each worker to
// its lcore, stop() brings them back in the order in which frames flow, so that none is lost on the
// way out. Between the two the main thread calls tick() every second. Everything here is the main
// thread's; the workers never call back.
#pragma once

#include <array>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/ports/clock.h"
#include "dataplane/ports/handover.h"
#include "dataplane/ports/mbuf_frame_source.h"
#include "dataplane/ports/port.h"
#include "dataplane/settings.h"
#include "dataplane/verdict/verdict_table.h"
#include "dataplane/worker/distributor.h"
#include "dataplane/worker/loop.h"

namespace postern {

class Gate {
 public:
  // After the EAL has started. `events` has a sink for each worker; sinks and `verdicts` outlive
  // the gate. The error says what to do.
  static std::expected<std::unique_ptr<Gate>, std::string> assemble(
      const Settings& settings, verdict::VerdictTable* verdicts,
      const std::vector<worker::EventSink*>& events);
  // Memory of the EAL that assemble() will take, in bytes.
  static uint64_t memory_needed(const Settings& settings);
  // lcores beside the main one that launch() will use.
  static uint32_t lcores_needed(const Settings& settings);
  ~Gate();

  std::expected<void, std::string> launch();
  // Follows the wall clock and the links; `log` is told what changed.
  void tick(const std::function<void(const std::string&)>& log);
  // Returns once every worker has forgotten its flows and the distributor has sent the last frame.
  void stop();

  const std::vector<std::unique_ptr<worker::Worker>>& workers() const { return workers_; }
  const worker::Distributor* distributor() const { return distributor_.get(); }  // null: none
  // One line for each port.
  std::vector<std::string> describe_ports() const;
  std::string describe_distribution() const;

 private:
  explicit Gate(const Settings& settings) : settings_(settings) {}
  std::expected<void, std::string> open_ports();
  std::expected<void, std::string> make_distributor();
  std::expected<void, std::string> make_handovers(uint16_t rss_table_entries);
  std::expected<void, std::string> make_workers(verdict::VerdictTable* verdicts,
                                                const std::vector<worker::EventSink*>& events);
  worker::WorkerLanes lanes_of(uint16_t worker) const;

  const Settings settings_;
  ports::Clock clock_;
  ports::Distribution distribution_ = ports::Distribution::kSingle;
  bool workers_send_themselves_ = true;  // the ports have a sending queue for each
  // Ports give frames back when they close, so the pool outlives them; workers and rings go first.
  std::unique_ptr<ports::MbufFrameSource> frames_;
  std::array<std::unique_ptr<ports::Port>, 2> ports_;  // by packet::Side
  std::unique_ptr<worker::Distributor> distributor_;
  std::unique_ptr<ports::HandoverRings> handover_rings_;     // these two with RSS only
  std::vector<std::unique_ptr<ports::Handover>> handovers_;  // by worker
  std::vector<std::unique_ptr<worker::Worker>> workers_;
  std::vector<unsigned> worker_lcores_;  // while they run
  unsigned distributor_lcore_ = 0;
};

}  // namespace postern
