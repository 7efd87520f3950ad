// A frame: the bytes of one Ethernet frame in a buffer that somebody else owns.
//
// The same code runs over DPDK mbufs (dataplane/ports), heap buffers (tests, fuzzers, `postern
// inspect`) and benchmarks, so the buffer's owner hides behind FrameSource. A Frame is reference
// counted by its source: the TCP code keeps a reference to forwarded payload until it is
// acknowledged, without copying it.
#pragma once

#include <cstdint>
#include <span>

namespace postern::packet {

class FrameSource;

struct Frame {
  uint8_t* buffer = nullptr;      // start of storage
  uint32_t capacity = 0;          // bytes of storage
  uint32_t offset = 0;            // where the frame begins in it (head room before)
  uint32_t length = 0;            // bytes of the frame
  bool checksum_trusted = false;  // the NIC checked IP and TCP checksums and found them right
  bool checksum_needed = false;   // we changed it: IP and TCP checksums are to be filled on sending
  FrameSource* source = nullptr;

  uint8_t* data() { return buffer + offset; }
  const uint8_t* data() const { return buffer + offset; }
  std::span<uint8_t> bytes() { return {data(), length}; }
};

// Allocates and counts references. Any implementation is used by one thread, except that the last
// reference to a frame handed to a port may be dropped by the port's driver.
class FrameSource {
 public:
  virtual ~FrameSource() = default;
  // An empty frame (length 0) with at least 128 bytes of head room and 1,600 of room, and one
  // reference; null when none is free.
  virtual Frame* allocate() = 0;
  virtual void retain(Frame* frame) = 0;
  virtual void release(Frame* frame) = 0;
};

// What the pipeline says about a frame: leave by this side. Inside is the customers' port.
enum class Side : uint8_t { kInside = 0, kOutside = 1 };
constexpr Side opposite(Side side) {
  return side == Side::kInside ? Side::kOutside : Side::kInside;
}

}  // namespace postern::packet
