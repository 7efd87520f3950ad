// Counts what a test or a benchmark takes from the general heap, C libraries included.
#pragma once

#include <cstdint>

namespace postern {

// Calls of malloc, calloc and realloc (operator new among them) since this thread began; always 0
// in a sanitizer build, which has its own heap.
uint64_t heap_calls();

}  // namespace postern
