// What the gate adds to a frame's way while it is loaded.
//
// Theory of operation. An open loop: each frame has a time at which it arrives, drawn before the
// clock runs (a Poisson process), and arrives then whether or not the frames before it are done
// with. One thread does what a worker's loop does: takes what has arrived, at most a burst, puts it
// through the pipeline, expires a step of timers. A frame's latency runs from the time at which it
// was to arrive until the pipeline has sent it, so that waiting in the queue counts. Frames keep
// the order of the recording, across connections and sides: none is taken before what it answers
// has been sent, and a burst ends where the side changes.
#pragma once

#include <expected>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <random>
#include <string>
#include <vector>

#include "bench/replay.h"
#include "bench/row.h"

namespace postern::bench {

class OpenLoop : public Replay {
 public:
  // `traffic` outlives it. ReplaySetup::As::kNothing: frames are sent on at once.
  static std::expected<std::unique_ptr<OpenLoop>, std::string> create(Traffic* traffic,
                                                                      const ReplaySetup& setup);
  // All of the traffic once, so many frames a second. Adds the latency of each frame that was
  // forwarded to `into_us`. The error is that of Replay::pass().
  std::expected<void, std::string> pass_at(double frames_per_second, std::vector<float>& into_us);

  void send(packet::Frame* frame, packet::Side out) override;

 protected:
  void drive() override;

 private:
  OpenLoop(Traffic* traffic, const ReplaySetup& setup);
  size_t take_due(size_t next, uint64_t tsc);

  const bool harness_alone_;
  std::mt19937_64 random_{1};
  std::vector<uint64_t> due_tsc_;  // of each arrival, after the beginning of the pass
  std::vector<packet::Frame*> burst_;
  uint64_t began_tsc_ = 0;
  std::vector<float>* into_us_ = nullptr;
};

// Rows `latency.LOAD` and `latency_harness.LOAD` for loads of 10, 50 and 90 percent of what
// Replay::pass() of the same traffic does a second, measured anew before each repetition. Values
// are medians over repetitions.
std::expected<std::vector<nlohmann::ordered_json>, std::string> measure_latency(
    Traffic* traffic, const ReplaySetup& setup, const Effort& effort);

}  // namespace postern::bench
