#include "base/plain_text.h"

#include <fmt/format.h>

#include <cstdint>

namespace postern {
namespace {

// Octets of the character that begins the text, 0 when it is no UTF-8 (RFC 3629), and its number.
size_t read_character(std::string_view text, uint32_t* number) {
  const auto octet = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = octet(0);
  if (first < 0x80) {
    *number = first;
    return 1;
  }
  const size_t length = first >= 0xf0 && first < 0xf5   ? 4
                        : first >= 0xe0 && first < 0xf0 ? 3
                        : first >= 0xc2 && first < 0xe0 ? 2
                                                        : 0;
  if (length == 0 || text.size() < length) return 0;
  uint32_t value = first & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((octet(i) & 0xc0) != 0x80) return 0;
    value = value << 6 | (octet(i) & 0x3fu);
  }
  const bool too_long = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  if (too_long || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return 0;
  *number = value;
  return length;
}

bool is_shown(uint32_t c) {
  if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return false;
  return !(c >= 0x200b && c <= 0x200f) && !(c >= 0x2028 && c <= 0x202e) &&
         !(c >= 0x2066 && c <= 0x2069) && c != 0xfeff;
}

}  // namespace

std::string plain_text(std::string_view text, size_t most) {
  std::string out;
  size_t characters = 0;
  while (!text.empty()) {
    uint32_t number = 0;
    const size_t length = read_character(text, &number);
    const std::string_view octets = text.substr(0, length == 0 ? 1 : length);
    const bool as_it_is = length != 0 && is_shown(number);
    characters += as_it_is ? 1 : 4 * octets.size();
    if (characters > most) return out + "…";
    for (const char c : octets) {
      if (as_it_is) {
        out += c;
      } else {
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      }
    }
    text.remove_prefix(octets.size());
  }
  return out;
}

}  // namespace postern
