// One worker's pipeline under a load, and whether it did with it what it had to.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
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
  std::shared_ptr<const scan::SignatureSet> set;    // null: messages are read, not scanned
  std::shared_ptr<const scan::SignatureSet> other;  // of the same rules: it and `set` take turns
  scan::MessageScan::Scratch* scratch = nullptr;    // prepared for both
  bool checksums_trusted = false;                   // the NIC has checked them
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
  // What each taking of the other set took in the last pass, on the CPU.
  const std::vector<double>& swap_seconds() const { return swap_seconds_; }

  void send(packet::Frame* frame, packet::Side out) override;

 private:
  Replay(Traffic* traffic, const ReplaySetup& setup);
  void forward_all();
  void process_all();
  void swap();
  std::expected<void, std::string> account(const CounterValues& before) const;

  Traffic* traffic_;
  const ReplaySetup setup_;
  verdict::StaticVerdicts verdicts_;
  EventRing events_;
  Counters counters_;
  std::unique_ptr<worker::Pipeline> pipeline_;
  Now now_{.monotonic_us = 1'000'000, .wall_us = 1'700'000'000'000'000};
  uint64_t sent_ = 0;
  uint64_t generation_ = 1;
  std::vector<double> swap_seconds_;
};

}  // namespace postern::bench
