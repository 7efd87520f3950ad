// A TCP segment that is too long for the wire, cut into several: what a NIC does that is given one
// (TCP segmentation offload).
//
// Each part repeats the headers. The sequence number moves on; FIN, PSH and RST stand on the last
// part, CWR on the first (RFC 3168 6.1.2), the urgent mark on those that the urgent data reaches
// into or lies behind. IPv4: the first part keeps the identification, each further one has its own;
// DF stays as it was, for who let routers fragment would not hear that they may not.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/packet/frame.h"
#include "dataplane/packet/parse.h"

namespace postern::packet {

// How many parts `tcp` (kTcp) makes on a link of this MTU; 0: its headers alone leave no room. A
// SYN is always one: what does not fit of its data stays behind, and the client sends it again.
uint32_t parts_of(const TcpPacket& tcp, uint32_t mtu);

// Makes a frame of `frames` for each element of `parts`, of which there are parts_of(). Their
// checksums are needed. `next_id` gives identifications and moves on. False: no frame was free, and
// none was made.
bool cut(FrameSource& frames, const Frame& whole, const TcpPacket& tcp, uint32_t mtu,
         uint16_t& next_id, std::span<Frame*> parts);

}  // namespace postern::packet
