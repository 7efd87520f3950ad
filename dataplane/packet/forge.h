// Frames of our own making: replies, acknowledgements and resets.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/ip.h"
#include "dataplane/packet/frame.h"
#include "dataplane/packet/parse.h"

namespace postern::packet {

// The link-layer header of a flow's direction: MAC addresses, tags and EtherType as last seen.
struct LinkHeader {
  uint8_t length = 0;  // 14, 18 or 22; 0: none seen
  std::array<uint8_t, 22> bytes;

  static LinkHeader of(const Frame& frame, const TcpPacket& tcp);
  LinkHeader reversed() const;  // destination and source exchanged
};

struct ForgedSegment {
  IpAddress source, destination;
  uint16_t source_port = 0, destination_port = 0;
  SeqNum seq, ack;
  uint8_t flags = 0;
  uint16_t window = 0;
  std::optional<uint16_t> maximum_segment_size;
  std::optional<Timestamps> timestamps;
  std::string_view payload;  // at most 1,400 bytes
};

// Writes the segment into a new frame of `frames` with checksum_needed set; null when none is free.
Frame* forge(FrameSource& frames, const LinkHeader& link, const ForgedSegment& segment);

}  // namespace postern::packet
