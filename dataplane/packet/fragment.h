// IP fragments (RFC 791 3.2, RFC 8200 4.5) as they stand on the wire.
//
// Theory of operation. A receiver learns a datagram's ports from the fragment at its beginning, and
// from that one alone: the offset of any other is at least 8 octets. So whose a datagram is can be
// said of its first fragment only, and IPv6 owes us that the whole header chain stands in it (RFC
// 7112). One in which the chain does not end could hide mail.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/ip.h"

namespace postern::packet {

struct Fragment {
  IpAddress source, destination;
  uint32_t vlan = 0;  // as in TcpPacket
  uint32_t id = 0;
  uint16_t l3_offset = 0;    // the IP header, from the frame's first byte
  uint16_t data_offset = 0;  // what it carries of the datagram
  uint16_t data_length = 0;
  uint16_t place = 0;      // where in the datagram that belongs
  uint8_t next = 0;        // protocol of the datagram, or its first extension header
  uint8_t congestion = 0;  // the ECN field (RFC 3168)
  bool more = false;       // others follow behind it
  bool plain = true;       // IPv6: nothing stands between the fixed header and the fragment header
  bool is_v6 = false;

  bool first() const { return place == 0; }
  uint32_t end() const { return uint32_t{place} + data_length; }
};

// Whether a frame might be a fragment: cheap, for every frame. Never says no to one that
// parse_fragment() would read.
bool may_be_fragment(std::span<const uint8_t> frame);

// A fragment that may belong to a TCP segment; nothing for all else, also for what no receiver
// would take for a fragment because its lengths contradict each other.
std::optional<Fragment> parse_fragment(std::span<const uint8_t> frame);

// Whose a datagram is, by its first fragment.
struct Ownership {
  enum class Owner : uint8_t {
    kOther,  // it is not TCP
    kTcp,    // the ports say it
    kHidden  // the header chain does not reach the ports within this fragment
  } owner = Owner::kOther;
  uint16_t source_port = 0, destination_port = 0;
  uint32_t ports_end = 0;  // where in the datagram the ports end: nothing else may write before it
};
Ownership read_ownership(std::span<const uint8_t> frame, const Fragment& first);

}  // namespace postern::packet
