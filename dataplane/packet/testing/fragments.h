// Packets cut into IP fragments, right or wrong: for tests and fuzz seeds.
#pragma once

#include <cstdint>
#include <vector>

namespace postern::packet::testing {

using Bytes = std::vector<uint8_t>;

// A part of a packet's IP payload, sent as a fragment.
struct Slice {
  uint32_t place = 0, length = 0;  // in octets
  bool more = true;
};

// `packet` as Packet::bytes() writes it, unpadded, without DF: what fragments make when joined.
Bytes fragmentable(Bytes packet);
// The slice of it as a fragment; the slice may lie past its end, where there are zeros.
Bytes fragment(const Bytes& packet, uint32_t id, const Slice& slice);
// All of it in fragments of `octets` (a multiple of 8), in order.
std::vector<Bytes> fragments(const Bytes& packet, uint32_t id, uint32_t octets);

}  // namespace postern::packet::testing
