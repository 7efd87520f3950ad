#include "dataplane/packet/cut.h"

#include <algorithm>
#include <cstring>

#include "dataplane/packet/bytes.h"

namespace postern::packet {
namespace {

constexpr uint8_t kCwr = 0x80;  // RFC 3168 6.1

// Payload that fits behind the headers; 0 or less: none.
int64_t room_of(const TcpPacket& tcp, uint32_t mtu) {
  return int64_t{mtu} - (tcp.payload_offset - tcp.l3_offset);
}

struct Part {
  uint32_t begin, length;  // in the payload
  bool first, last;
};

void write_part(Frame& frame, const Frame& whole, const TcpPacket& tcp, const Part& part,
                uint16_t& next_id) {
  std::memcpy(frame.data(), whole.data(), tcp.payload_offset);
  std::memcpy(frame.data() + tcp.payload_offset, whole.data() + tcp.payload_offset + part.begin,
              part.length);
  frame.length = tcp.payload_offset + part.length;
  frame.checksum_needed = true;

  uint8_t* ip = frame.data() + tcp.l3_offset;
  if (tcp.is_v6) {
    store_be16(ip + 4, static_cast<uint16_t>(frame.length - tcp.l3_offset - 40));
  } else {
    store_be16(ip + 2, static_cast<uint16_t>(frame.length - tcp.l3_offset));
    if (!part.first) store_be16(ip + 4, next_id++);
  }

  uint8_t* header = frame.data() + tcp.l4_offset;
  store_be32(header + 4, (tcp.seq + part.begin).value);
  uint8_t flags = tcp.flags;
  if (!part.last) flags = static_cast<uint8_t>(flags & ~(kFin | kPsh | kRst));
  if (!part.first) flags = static_cast<uint8_t>(flags & ~kCwr);
  if (tcp.has(kUrg)) {
    const uint32_t urgent = load_be16(header + 18);
    if (urgent <= part.begin) flags = static_cast<uint8_t>(flags & ~kUrg);
    store_be16(header + 18, static_cast<uint16_t>(urgent - std::min(urgent, part.begin)));
  }
  header[13] = flags;
}

}  // namespace

uint32_t parts_of(const TcpPacket& tcp, uint32_t mtu) {
  const int64_t room = room_of(tcp, mtu);
  if (room < 0 || (room == 0 && tcp.payload_length > 0)) return 0;
  if (tcp.has(kSyn) || tcp.payload_length <= room) return 1;
  return static_cast<uint32_t>((tcp.payload_length + room - 1) / room);
}

bool cut(FrameSource& frames, const Frame& whole, const TcpPacket& tcp, uint32_t mtu,
         uint16_t& next_id, std::span<Frame*> parts) {
  for (size_t i = 0; i < parts.size(); ++i) {
    parts[i] = frames.allocate();
    if (parts[i] != nullptr) continue;
    for (Frame* made : parts.first(i)) frames.release(made);
    return false;
  }
  const auto room = static_cast<uint32_t>(room_of(tcp, mtu));
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto begin = static_cast<uint32_t>(i) * room;
    const uint32_t length = std::min(room, tcp.payload_length - begin);
    const Part part{begin, length, i == 0, begin + length == tcp.payload_length};
    write_part(*parts[i], whole, tcp, part, next_id);
  }
  return true;
}

}  // namespace postern::packet
