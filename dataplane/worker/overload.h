// Whether a worker falls behind.
#pragma once

#include <cstdint>

namespace postern::worker {

// A worker that works off frames as they come finds its queues shorter than a burst now and then.
// One that has not for a while has a queue that grows, or is full already and loses frames.
class Overload {
 public:
  // After each loop: whether one of its bursts was a full one. True: overloaded.
  bool after(bool full_burst, uint64_t monotonic_us) {
    if (!full_burst || caught_up_us_ == 0) caught_up_us_ = monotonic_us;
    return monotonic_us - caught_up_us_ >= kBehindUs;
  }

 private:
  // Some thousand frames: more than a port's queue holds.
  static constexpr uint64_t kBehindUs = 10'000;
  uint64_t caught_up_us_ = 0;
};

}  // namespace postern::worker
