// A prefix as a range of the 16-octet keys by which the ledger orders addresses.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/ip.h"

namespace postern::ledger {

// The last address of the prefix; the first is its own.
inline std::array<uint8_t, 16> last_address(const IpPrefix& prefix) {
  std::array<uint8_t, 16> last = prefix.address.bytes();
  for (size_t bit = prefix.mapped_length(); bit < 128; ++bit)
    last[bit / 8] |= static_cast<uint8_t>(0x80 >> bit % 8);
  return last;
}

}  // namespace postern::ledger
