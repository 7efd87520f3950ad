// A raw socket on one interface: whole Ethernet frames, many at a time.
//
// The kernel takes the outer VLAN tag out of a frame and reports it beside it (packet(7),
// PACKET_AUXDATA); receive() puts it back, so that what is read is what was on the wire. Frames
// that this host sends itself are not seen.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace postern::wire {

class PacketSocket {
 public:
  static constexpr size_t kBurst = 64;
  static constexpr size_t kFrameBytes = 2048;  // an MTU of 1500 and two tags fit

  // Throws std::system_error. Needs CAP_NET_RAW.
  explicit PacketSocket(const std::string& interface);
  ~PacketSocket();
  PacketSocket(const PacketSocket&) = delete;
  PacketSocket& operator=(const PacketSocket&) = delete;

  int descriptor() const { return descriptor_; }
  // What has arrived, at most kBurst frames; valid until the next call. Does not wait. Longer
  // frames than kFrameBytes come cut.
  std::span<const std::span<const uint8_t>> receive();
  // Sends the frames in order, a tag within them as part of the octets. What the interface does not
  // take at once is lost, as on a wire; returns how many were taken.
  size_t send(std::span<const std::span<const uint8_t>> frames);

 private:
  static constexpr size_t kTagBytes = 4;

  int descriptor_;
  std::vector<std::array<uint8_t, kTagBytes + kFrameBytes>> buffers_;
  std::array<std::span<const uint8_t>, kBurst> received_;
};

}  // namespace postern::wire
