// What this machine is worth just now: the same work in every version of Postern.
#pragma once

#include <cstdint>

namespace postern::bench {

// A few thousandths of a second: table look-ups, products and branches over text that fits the
// second level cache, then about as long a walk through 16 MiB, each step of which needs the one
// before. Never to be changed: reports of different versions are compared by what it takes. The
// result means nothing, and must be used.
uint64_t yardstick();

}  // namespace postern::bench
