// A large array of zeroed memory straight from the kernel, in huge pages where it gives them.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstring>
#include <expected>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace postern::verdict {

// Owns `size` objects of T whose all-zero bytes are a valid value; they are never destroyed one by
// one. The address range is taken at start, so it is the cap; memory behind it is committed as it
// is first touched, unless touch_all() does so at once.
template <typename T>
class PageArray {
 public:
  static std::expected<PageArray, std::string> create(size_t size) {
    const size_t bytes = size * sizeof(T);
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      return std::unexpected(
          fmt::format("cannot map {} MiB of memory: {}", bytes >> 20, strerror(errno)));
    }
    madvise(memory, bytes, MADV_HUGEPAGE);  // a wish; without it only look-ups are slower
    return PageArray(static_cast<T*>(memory), size);
  }
  PageArray(PageArray&& other) noexcept
      : items_(std::exchange(other.items_, nullptr)), size_(other.size_) {}
  PageArray& operator=(PageArray&&) = delete;
  ~PageArray() {
    if (items_ != nullptr) munmap(items_, size_ * sizeof(T));
  }

  // Commits all of it, so that no reader ever takes a page fault.
  void touch_all() { std::memset(static_cast<void*>(items_), 0, size_ * sizeof(T)); }
  T& operator[](size_t i) { return items_[i]; }
  const T& operator[](size_t i) const { return items_[i]; }
  size_t size() const { return size_; }

 private:
  PageArray(T* items, size_t size) : items_(items), size_(size) {}
  T* items_;
  size_t size_;
};

}  // namespace postern::verdict
