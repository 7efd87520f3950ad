#include "dataplane/verdict/verdict.h"

#include <algorithm>

namespace postern::verdict {

bool ThrottleBucket::take(uint32_t messages_per_minute, uint64_t monotonic_us) {
  if (messages_per_minute == 0) return false;
  constexpr uint64_t kMinuteUs = 60'000'000;
  // Rounded up, so that never more than the allowance passes in the long run.
  const uint64_t interval = (kMinuteUs + messages_per_minute - 1) / messages_per_minute;
  const uint64_t tolerance = (messages_per_minute - 1) * interval;
  uint64_t due = theoretical_arrival_us_.load(std::memory_order_relaxed);
  uint64_t next;
  do {
    if (due > monotonic_us && due - monotonic_us > tolerance) return false;
    next = std::max(due, monotonic_us) + interval;
  } while (!theoretical_arrival_us_.compare_exchange_weak(due, next, std::memory_order_relaxed));
  return true;
}

void ThrottleBucket::carry_over(const ThrottleBucket& other) {
  theoretical_arrival_us_.store(other.theoretical_arrival_us_.load(std::memory_order_relaxed),
                                std::memory_order_relaxed);
}

}  // namespace postern::verdict
