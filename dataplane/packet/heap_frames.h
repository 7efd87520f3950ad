// Frames on the heap: for tests, fuzzers, capture files and benchmarks.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/packet/frame.h"

namespace postern::packet {

// A pool of `count` frames of `capacity` bytes each (128 of them head room), made by the
// constructor.
class HeapFrames : public FrameSource {
 public:
  explicit HeapFrames(size_t count = 4096, uint32_t capacity = 2176);
  Frame* allocate() override;
  void retain(Frame* frame) override;
  void release(Frame* frame) override;

  // A frame with these bytes; null when none is free or they do not fit.
  Frame* copy_of(std::span<const uint8_t> bytes);
  size_t in_use() const { return frames_.size() - free_.size(); }

 private:
  struct Owned : Frame {
    uint32_t references = 0;
  };
  uint32_t head_room() const { return 128; }
  std::vector<uint8_t> storage_;
  std::vector<Owned> frames_;
  std::vector<Owned*> free_;
};

}  // namespace postern::packet
