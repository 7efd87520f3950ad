// Whether a worker falls behind.
#pragma once

#include <cstdint>

namespace postern::worker {

// A worker that works off frames as they come finds its queues shorter than a burst now and then.
// After a pause of its own it finds them full, once. One that has had nothing but full bursts for
// several times what a queue holds has a queue that stays full and loses frames.
class Overload {
 public:
  // After each loop: whether one of its bursts was a full one. True: overloaded.
  bool after(bool full_burst) {
    full_bursts_ = full_burst ? full_bursts_ + 1 : 0;
    return full_bursts_ >= kFullBursts;
  }
  static constexpr uint32_t kFullBursts = 128;  // of 32 frames; a queue has 1,024

 private:
  uint32_t full_bursts_ = 0;
};

}  // namespace postern::worker
