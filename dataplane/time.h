// Time as protocol code gets it: an argument, never a call.
#pragma once

#include <cstdint>

namespace postern {

// `monotonic_us` drives timeouts; `wall_us` (since the Unix epoch) only labels events and verdict
// expiry. Both in microseconds.
struct Now {
  uint64_t monotonic_us = 0;
  uint64_t wall_us = 0;
  uint64_t wall_s() const { return wall_us / 1'000'000; }
};

}  // namespace postern
