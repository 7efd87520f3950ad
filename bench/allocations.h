// How often this process has asked the general heap for memory, libraries included.
#pragma once

#include <cstdint>

namespace postern::bench {

// Calls of malloc, calloc and realloc (operator new among them) since the start. One thread counts.
uint64_t allocations();

}  // namespace postern::bench
