#include "base/testing/heap_calls.h"

#include <cstddef>

namespace {
constinit thread_local uint64_t calls = 0;
}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
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
#endif

namespace postern {
uint64_t heap_calls() { return calls; }
}  // namespace postern
