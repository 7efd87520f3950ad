// TCP sequence numbers (RFC 9293 3.4): a 32-bit circle with its own order.
#pragma once

#include <cstdint>

namespace postern::packet {

struct SeqNum {
  uint32_t value = 0;

  friend constexpr SeqNum operator+(SeqNum a, uint32_t n) { return {a.value + n}; }
  // How far `a` is ahead of `b`; negative when behind. Meaningful within half the circle.
  friend constexpr int32_t operator-(SeqNum a, SeqNum b) {
    return static_cast<int32_t>(a.value - b.value);
  }
  friend constexpr bool operator==(SeqNum a, SeqNum b) = default;
  friend constexpr bool operator<(SeqNum a, SeqNum b) { return a - b < 0; }
  friend constexpr bool operator<=(SeqNum a, SeqNum b) { return a - b <= 0; }
  friend constexpr bool operator>(SeqNum a, SeqNum b) { return a - b > 0; }
  friend constexpr bool operator>=(SeqNum a, SeqNum b) { return a - b >= 0; }
};
constexpr SeqNum earlier(SeqNum a, SeqNum b) { return a < b ? a : b; }
constexpr SeqNum later(SeqNum a, SeqNum b) { return a > b ? a : b; }

}  // namespace postern::packet
