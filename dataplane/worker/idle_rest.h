// What a polling loop does when there was nothing to do.
#pragma once

#include <rte_pause.h>
#include <time.h>

#include <cstdint>

namespace postern::worker {

// One loop's. Polls on for a while after the last frame, then sleeps for moments, so that an idle
// gate leaves the CPU to others and a busy one never makes a system call.
class IdleRest {
 public:
  // 0: never sleeps.
  explicit IdleRest(uint32_t sleep_us) : sleep_us_(sleep_us) {}

  // Once a loop, with what the loop had to do.
  void after(uint32_t frames) {
    if (frames > 0) {
      idle_loops_ = 0;
    } else if (sleep_us_ == 0 || ++idle_loops_ < kLoopsBeforeSleep) {
      rte_pause();
    } else {
      const timespec moment{.tv_sec = 0, .tv_nsec = sleep_us_ * 1000L};
      nanosleep(&moment, nullptr);
    }
  }

 private:
  static constexpr uint32_t kLoopsBeforeSleep = 64;
  uint32_t sleep_us_;
  uint32_t idle_loops_ = 0;
};

}  // namespace postern::worker
