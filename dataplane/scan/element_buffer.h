// Texts collected for one target, joined so that one matcher call scans them all.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "patterns/compile/hyperscan_form.h"

namespace postern::scan {

// Fixed memory. An element is what a rule is matched against: a paragraph, a chunk of lines, a URI.
// Behind each comes "\n\0\n" (the "\n" only where the element does not end in one), which is the
// joint that the compiler reckons with.
class ElementBuffer {
 public:
  ElementBuffer(uint32_t bytes, uint32_t elements)
      : text_(std::make_unique_for_overwrite<char[]>(bytes)),
        bounds_(std::make_unique_for_overwrite<Bounds[]>(elements)),
        capacity_(bytes),
        element_capacity_(elements) {}

  static constexpr uint32_t kJointBytes = 3;
  bool fits(size_t bytes) const {
    return count_ < element_capacity_ && bytes + kJointBytes <= capacity_ - used_;
  }
  // An element longer than the whole buffer is cut; the caller has made sure with fits() that any
  // other finds room.
  void add(std::string_view element, std::string_view end = {}) {
    if (count_ == element_capacity_) return;
    Bounds& bounds = bounds_[count_++];
    bounds.begin = used_;
    append(element);
    append(end);
    bounds.end = used_;
    if (bounds.end == bounds.begin || text_[used_ - 1] != '\n') text_[used_++] = '\n';
    std::memcpy(text_.get() + used_, compile::kElementJoint.data(), compile::kElementJoint.size());
    used_ += static_cast<uint32_t>(compile::kElementJoint.size());
  }
  void clear() { used_ = count_ = 0; }

  uint32_t count() const { return count_; }
  std::string_view joined() const { return {text_.get(), used_}; }
  std::string_view element(uint32_t i) const {
    return {text_.get() + bounds_[i].begin, bounds_[i].end - bounds_[i].begin};
  }
  // The element in which a match that ends at `offset` of joined() lies.
  uint32_t element_before(uint64_t offset) const {
    const Bounds* begin = bounds_.get();
    const Bounds* after = std::partition_point(
        begin, begin + count_, [offset](const Bounds& bounds) { return bounds.begin < offset; });
    return after == begin ? 0 : static_cast<uint32_t>(after - begin - 1);
  }

 private:
  struct Bounds {
    uint32_t begin;
    uint32_t end;
  };

  void append(std::string_view text) {
    const size_t room = capacity_ - used_ - kJointBytes;
    const size_t length = std::min(text.size(), room);
    std::copy_n(text.begin(), length, text_.get() + used_);
    used_ += static_cast<uint32_t>(length);
  }

  std::unique_ptr<char[]> text_;
  std::unique_ptr<Bounds[]> bounds_;
  uint32_t capacity_;
  uint32_t element_capacity_;
  uint32_t used_ = 0;
  uint32_t count_ = 0;
};

}  // namespace postern::scan
