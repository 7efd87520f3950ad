#include "base/allocator.h"

#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <new>

#ifdef POSTERN_MIMALLOC
#include <mimalloc.h>
#endif

namespace postern {

std::string allocator_name() {
#if defined(__SANITIZE_ADDRESS__)
  return "AddressSanitizer";
#elif defined(__SANITIZE_THREAD__)
  return "ThreadSanitizer";
#elif defined(POSTERN_MIMALLOC)
  const auto is_mimallocs = [](size_t bytes) {
    const std::unique_ptr<void, decltype(&std::free)> from_malloc(std::malloc(bytes), &std::free);
    void* from_new = ::operator new(bytes);
    const bool both = mi_is_in_heap_region(from_malloc.get()) && mi_is_in_heap_region(from_new);
    ::operator delete(from_new);
    return both;
  };
  if (!is_mimallocs(48) || !is_mimallocs(200'000)) return "glibc malloc";
  const int version = mi_version();  // 209
  return fmt::format("mimalloc {}.{}.{}", version / 100, version / 10 % 10, version % 10);
#else
  return "glibc malloc";
#endif
}

}  // namespace postern
