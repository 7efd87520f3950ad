#include "dataplane/inspect/capture_frames.h"

#include <algorithm>
#include <cassert>

namespace postern::inspect {

using packet::Frame;

CaptureFrames::~CaptureFrames() { assert(in_use_ == 0); }

Frame* CaptureFrames::make(uint32_t room) {
  auto* frame = new Owned;
  frame->capacity = kHeadRoom + room;
  frame->buffer = new uint8_t[frame->capacity];
  frame->offset = kHeadRoom;
  frame->source = this;
  ++in_use_;
  return frame;
}

void CaptureFrames::retain(Frame* frame) { ++static_cast<Owned*>(frame)->references; }

void CaptureFrames::release(Frame* frame) {
  auto* owned = static_cast<Owned*>(frame);
  if (--owned->references > 0) return;
  delete[] owned->buffer;
  delete owned;
  --in_use_;
}

Frame* CaptureFrames::copy_of(std::span<const uint8_t> bytes) {
  const auto length = static_cast<uint32_t>(bytes.size());
  Frame* frame = make(std::max(length, kOrdinaryRoom));
  std::copy(bytes.begin(), bytes.end(), frame->data());
  frame->length = length;
  return frame;
}

}  // namespace postern::inspect
