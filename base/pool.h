// A pool of objects made once, at start. Invariant 4 (memory is bounded) rests on it: taking from
// an empty pool returns null, which the caller turns into back pressure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/huge_array.h"

namespace postern {

// Owns `capacity` objects of T, constructed at start. take() hands out the one returned last, whose
// cache lines are warmest. One thread only. An object is not destroyed or reset between uses: the
// taker initialises it.
template <typename T>
class FixedPool {
 public:
  explicit FixedPool(size_t capacity) : storage_(capacity) {
    free_.reserve(capacity);
    for (size_t i = capacity; i > 0; --i) free_.push_back(&storage_[i - 1]);
  }
  FixedPool(const FixedPool&) = delete;
  FixedPool& operator=(const FixedPool&) = delete;

  // Null when the pool is empty.
  T* take() {
    if (free_.empty()) return nullptr;
    T* object = free_.back();
    free_.pop_back();
    return object;
  }
  // `object` must have come from this pool and not be in it already.
  void give(T* object) { free_.push_back(object); }

  size_t capacity() const { return storage_.size(); }
  size_t available() const { return free_.size(); }
  size_t in_use() const { return capacity() - free_.size(); }

 private:
  HugeArray<T> storage_;
  std::vector<T*> free_;
};

}  // namespace postern
