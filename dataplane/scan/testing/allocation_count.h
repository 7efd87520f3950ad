// Counts what a test program takes from the general heap, C libraries included.
#pragma once

#include <cstdint>

namespace postern::scan::testing {

// Calls of malloc, calloc and realloc so far; always 0 in a sanitizer build, which has its own
// heap.
uint64_t allocations();

}  // namespace postern::scan::testing
