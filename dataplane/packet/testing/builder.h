// Packets that read like packets:
//
//   Packet{.from = "192.0.2.7:40000", .to = "198.51.100.1:25", .seq = 101, .ack = 301,
//          .flags = kAck | kPsh, .payload = "MAIL FROM:<a@b>\r\n"}
//
// For tests, fuzz seeds and benchmarks; not part of the data plane.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/packet/frame.h"
#include "dataplane/packet/heap_frames.h"
#include "dataplane/packet/parse.h"

namespace postern::packet::testing {

struct Packet {
  std::string from = "192.0.2.7:40000";  // IPv6: "[2001:db8::7]:40000"
  std::string to = "198.51.100.1:25";
  uint32_t seq = 0;
  uint32_t ack = 0;
  uint8_t flags = kAck;
  std::string payload;
  uint16_t window = 65535;
  std::optional<Timestamps> timestamps;
  std::optional<uint16_t> maximum_segment_size;
  std::optional<uint8_t> window_scale;
  std::vector<uint16_t> vlans;   // outer first
  bool ethernet_padding = true;  // pad to 60 bytes, as the wire does
  bool bad_tcp_checksum = false;

  std::vector<uint8_t> bytes() const;
  Frame* in(HeapFrames& frames) const { return frames.copy_of(bytes()); }
};

// What a test compares: the segment in a frame, with its checksums checked. Printable.
struct Seen {
  std::string from, to;
  uint32_t seq = 0, ack = 0;
  uint8_t flags = 0;
  std::string payload;
  bool checksums_right = false;
  bool operator==(const Seen&) const = default;
};
Seen read(Frame& frame);  // fills checksums first when the frame needs them, as a port would
std::string to_text(const Seen& seen);
inline void PrintTo(const Seen& seen, std::ostream* out);

}  // namespace postern::packet::testing

#include <ostream>
namespace postern::packet::testing {
inline void PrintTo(const Seen& seen, std::ostream* out) { *out << to_text(seen); }
}  // namespace postern::packet::testing
