// An array made once, at start, on huge pages when the kernel has them to give: a table that is
// read in no order costs a cache miss an access, and without them a page walk too.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

namespace postern {

// Owns `count` objects, value-initialised in order and destroyed in reverse.
template <typename T>
class HugeArray {
 public:
  explicit HugeArray(size_t count) : count_(count) {
    constexpr size_t kHugePage = 2 << 20, kCacheLine = 64;
    const size_t wanted = count * sizeof(T);
    // Below a few pages there is nothing to win.
    const size_t alignment = wanted >= 2 * kHugePage   ? kHugePage
                             : alignof(T) > kCacheLine ? alignof(T)
                                                       : kCacheLine;
    const size_t bytes = (wanted + alignment - 1) / alignment * alignment;
    if (bytes == 0) return;
    objects_ = static_cast<T*>(std::aligned_alloc(alignment, bytes));
    if (objects_ == nullptr) throw std::bad_alloc();
    // Refused where the kernel has none: then these are ordinary pages.
    if (alignment == kHugePage) madvise(objects_, bytes, MADV_HUGEPAGE);
    std::uninitialized_value_construct_n(objects_, count);
  }
  ~HugeArray() {
    if (objects_ == nullptr) return;
    std::destroy_n(objects_, count_);
    std::free(objects_);
  }
  HugeArray(const HugeArray&) = delete;
  HugeArray& operator=(const HugeArray&) = delete;

  T& operator[](size_t i) { return objects_[i]; }
  const T& operator[](size_t i) const { return objects_[i]; }
  size_t size() const { return count_; }
  size_t index_of(const T* object) const { return static_cast<size_t>(object - objects_); }

 private:
  T* objects_ = nullptr;
  size_t count_;
};

}  // namespace postern
