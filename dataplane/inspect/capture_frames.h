// Frames as large as a capture brings them: a capture taken on a sending or receiving host holds
// segments of up to 64 KiB, which its network card cut or joined.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/packet/frame.h"

namespace postern::inspect {

// Each frame has its own memory, freed with its last reference.
class CaptureFrames : public packet::FrameSource {
 public:
  ~CaptureFrames() override;
  packet::Frame* allocate() override { return make(kOrdinaryRoom); }
  void retain(packet::Frame* frame) override;
  void release(packet::Frame* frame) override;

  packet::Frame* copy_of(std::span<const uint8_t> bytes);
  size_t in_use() const { return in_use_; }

 private:
  static constexpr uint32_t kHeadRoom = 128;
  static constexpr uint32_t kOrdinaryRoom = 2048 - kHeadRoom;
  struct Owned : packet::Frame {
    uint32_t references = 1;
  };
  packet::Frame* make(uint32_t room);

  size_t in_use_ = 0;
};

}  // namespace postern::inspect
