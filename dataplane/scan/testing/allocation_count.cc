#include "dataplane/scan/testing/allocation_count.h"

#include <atomic>
#include <cstddef>

namespace {
std::atomic<uint64_t> count{0};
}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);

void* malloc(size_t size) {
  ++count;
  return __libc_malloc(size);
}
void* calloc(size_t items, size_t size) {
  ++count;
  return __libc_calloc(items, size);
}
void* realloc(void* memory, size_t size) {
  ++count;
  return __libc_realloc(memory, size);
}
}
#endif

namespace postern::scan::testing {
uint64_t allocations() { return count; }
}  // namespace postern::scan::testing
