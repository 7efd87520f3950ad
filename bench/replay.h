// One worker's pipeline under a load, and whether it did with it what it had to.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bench/traffic.h"
#include "dataplane/verdict/static_verdicts.h"
#include "dataplane/worker/pipeline.h"

namespace postern::bench {

// One timed pass over an input.
struct Pass {
  double seconds = 0;        // of this thread on the CPU
  uint64_t allocations = 0;  // calls of malloc, calloc and realloc meanwhile
};

class Stopwatch {
 public:
  Stopwatch();
  Pass read() const;

 private:
  double began_s_;
  uint64_t allocations_;
};

struct ReplaySetup {
  std::shared_ptr<const scan::SignatureSet> set;     // null: messages are read, not scanned
  std::shared_ptr<const scan::SignatureSet> other;   // of the same rules: it and `set` take turns
  scan::MessageScan::Scratch* scratch = nullptr;     // prepared for both
  bool checksums_trusted = false;                    // the NIC has checked them
  const verdict::VerdictSource* verdicts = nullptr;  // null: no sender has one
  // Connections that are open and idle all the time, each as recorded here.
  uint32_t idle = 0;
  const Conversation* idle_recording = nullptr;
  // Whether the time in which connections that are over are forgotten is in the pass. That is a
  // minute of the pipeline's clock, and all idle connections are looked at in it.
  bool forgetting_timed = true;
  // What the gate takes the traffic for.
  enum class As { kMail, kVerdictPass, kNotMail, kNothing } as = As::kMail;
};

class Replay : public worker::Transmitter {
 public:
  // `traffic` outlives it and is used by one replay at a time.
  static std::expected<std::unique_ptr<Replay>, std::string> create(Traffic* traffic,
                                                                    const ReplaySetup& setup);
  ~Replay() override;

  // All of the traffic once, from the first SYN until every connection is forgotten. The error says
  // which count is not what it must be.
  std::expected<Pass, std::string> pass();
  Traffic& traffic() { return *traffic_; }
  // What each taking of the other set took in the last pass, on the CPU.
  const std::vector<double>& swap_seconds() const { return swap_seconds_; }

  void send(packet::Frame* frame, packet::Side out) override;

 protected:
  Replay(Traffic* traffic, const ReplaySetup& setup);
  // Makes the pipeline, and the connections that are idle.
  std::expected<void, std::string> set_up();
  // Last before the clock runs.
  virtual void ready() {}
  // All of the arrivals.
  virtual void drive();
  virtual void between_bursts() {}
  void process(std::span<packet::Frame* const> burst, packet::Side side) {
    if (!burst.empty()) pipeline_->process(burst, side, now_);
    pipeline_->expire(now_);
  }

  Now now_{.monotonic_us = 1'000'000, .wall_us = 1'700'000'000'000'000};

 private:
  void forward_all();
  void process_all();
  void let_be_forgotten();
  void swap();
  std::expected<void, std::string> account(const CounterValues& before) const;

  Traffic* traffic_;
  const ReplaySetup setup_;
  verdict::StaticVerdicts verdicts_;
  EventRing events_;
  Counters counters_;
  std::unique_ptr<worker::Pipeline> pipeline_;
  uint64_t sent_ = 0;
  uint64_t generation_ = 1;
  std::vector<double> swap_seconds_;
};

}  // namespace postern::bench
