// Internet checksums (RFC 1071) of IPv4 headers and TCP segments.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/packet/frame.h"
#include "dataplane/packet/parse.h"

namespace postern::packet {

// The one's complement sum of `bytes` folded to 16 bits, not complemented. `start` continues a sum.
uint32_t internet_sum(std::span<const uint8_t> bytes, uint32_t start = 0);

// True when the IPv4 header checksum (if any) and the TCP checksum of a kTcp packet are right.
bool checksums_right(const Frame& frame, const TcpPacket& tcp);

// Writes both checksums anew, for frames that were edited or forged and whose port does not compute
// them. Clears checksum_needed. Frames that are not kTcp are left as they are.
void fill_checksums(Frame& frame);
void fill_checksums(Frame& frame, const TcpPacket& tcp);

}  // namespace postern::packet
