#include "bench/allocations.h"

#include <cstddef>

namespace {
// Of each thread, so that threads measured together do not disturb each other by it.
thread_local uint64_t calls = 0;
}  // namespace

namespace postern::bench {
uint64_t allocations() { return calls; }
}  // namespace postern::bench

// These stand before the C library's own for every library of the process, and pass the call on.
extern "C" {

void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* memory, size_t bytes);

void* malloc(size_t bytes) {
  ++calls;
  return __libc_malloc(bytes);
}
void* calloc(size_t count, size_t bytes) {
  ++calls;
  return __libc_calloc(count, bytes);
}
void* realloc(void* memory, size_t bytes) {
  ++calls;
  return __libc_realloc(memory, bytes);
}
}
