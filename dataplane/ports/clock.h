// The time that workers hand to protocol code: the processor's time-stamp counter, scaled.
#pragma once

#include <rte_cycles.h>

#include <atomic>
#include <chrono>
#include <cstdint>

#include "dataplane/time.h"

namespace postern::ports {

// Reading it costs no system call. One object serves all workers.
class Clock {
 public:
  // After the EAL has started (it measures the counter's frequency).
  Clock()
      : start_cycles_(rte_rdtsc()),
        us_per_cycle_(static_cast<uint64_t>((static_cast<unsigned __int128>(1'000'000) << kShift) /
                                            rte_get_tsc_hz())) {
    refresh_wall();
  }

  // Any thread. Monotonic time begins at one second, so that 0 can mean "never".
  Now now() const {
    const uint64_t monotonic = monotonic_us();
    return {.monotonic_us = monotonic,
            .wall_us = monotonic + wall_offset_us_.load(std::memory_order_relaxed)};
  }

  // The main thread, every second or so: follows the system's clock and the counter's drift.
  void refresh_wall() {
    const auto wall = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    wall_offset_us_.store(static_cast<uint64_t>(wall.count()) - monotonic_us(),
                          std::memory_order_relaxed);
  }

 private:
  static constexpr int kShift = 40;
  uint64_t monotonic_us() const {
    const uint64_t cycles = rte_rdtsc() - start_cycles_;
    return 1'000'000 +
           static_cast<uint64_t>(static_cast<unsigned __int128>(cycles) * us_per_cycle_ >> kShift);
  }

  uint64_t start_cycles_;
  uint64_t us_per_cycle_;  // as a fixed-point number with kShift binary places
  std::atomic<uint64_t> wall_offset_us_{0};
};

}  // namespace postern::ports
