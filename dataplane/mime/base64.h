// Base64 as RFC 2045 6.8 writes it and as mail clients forgive it.
//
// Theory of operation. decode_run() turns unbroken groups of four alphabet characters into three
// bytes; it is the hot loop and the only place that would be widened. Whatever interrupts a run
// (line ends, junk, padding) is taken one character at a time. A padded group in the middle does
// not end the text: several clients encode pieces and join them, and hiding text behind a stray
// "=" is a known trick.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace postern::mime {

class Base64Decoder {
 public:
  // Bytes that decode() or finish() may write for `n` bytes of input.
  static constexpr size_t decoded_bound(size_t n) { return (n + 3) / 4 * 3 + 3; }

  void begin();
  // Consumes `in` wholly, writes to `out` and returns how many bytes.
  size_t decode(std::span<const uint8_t> in, uint8_t* out);
  // What an unpadded end still holds.
  size_t finish(uint8_t* out);
  // Characters outside the alphabet, a lone last character, or text after padding.
  bool damaged() const { return damaged_; }

 private:
  size_t flush_group(uint8_t* out);

  uint32_t group_ = 0;  // sextets of the group under way
  uint8_t held_ = 0;    // how many
  bool padded_ = false;
  bool damaged_ = false;
};

}  // namespace postern::mime
