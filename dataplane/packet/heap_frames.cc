#include "dataplane/packet/heap_frames.h"

#include <cassert>
#include <cstring>

namespace postern::packet {

HeapFrames::HeapFrames(size_t count, uint32_t capacity)
    : storage_(count * capacity), frames_(count) {
  free_.reserve(count);
  for (size_t i = count; i > 0; --i) {
    Owned& frame = frames_[i - 1];
    frame.buffer = storage_.data() + (i - 1) * capacity;
    frame.capacity = capacity;
    frame.source = this;
    free_.push_back(&frame);
  }
}

Frame* HeapFrames::allocate() {
  if (free_.empty()) return nullptr;
  Owned* frame = free_.back();
  free_.pop_back();
  frame->references = 1;
  frame->offset = head_room();
  frame->length = 0;
  frame->checksum_trusted = false;
  frame->checksum_needed = false;
  return frame;
}

void HeapFrames::retain(Frame* frame) { ++static_cast<Owned*>(frame)->references; }

void HeapFrames::release(Frame* frame) {
  auto* owned = static_cast<Owned*>(frame);
  assert(owned->references > 0);
  if (--owned->references == 0) free_.push_back(owned);
}

Frame* HeapFrames::copy_of(std::span<const uint8_t> bytes) {
  if (free_.empty() || bytes.size() + head_room() > free_.back()->capacity) return nullptr;
  Frame* frame = allocate();
  std::memcpy(frame->data(), bytes.data(), bytes.size());
  frame->length = static_cast<uint32_t>(bytes.size());
  return frame;
}

}  // namespace postern::packet
