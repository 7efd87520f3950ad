// Quoted-printable (RFC 2045 6.7), read leniently: lower-case digits, white space between a soft
// line break's "=" and the line end, LF alone. "=" before anything else stands for itself.
//
// Theory of operation. Bytes are copied up to the next "=" or line end. White space before a line
// end is transport padding and is dropped (rule 3), at most kPaddingBytes of it: what might be
// padding at the end of one call is held back for the next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/mime/fixed_text.h"

namespace postern::mime {

class QuotedPrintableDecoder {
 public:
  static constexpr size_t kPaddingBytes = 256;
  // Bytes that decode() or finish() may write for `n` bytes of input.
  static constexpr size_t decoded_bound(size_t n) { return n + 2 * kPaddingBytes + 8; }

  void begin();
  // Consumes `in` wholly, writes to `out` and returns how many bytes. Line ends stay as they came.
  size_t decode(std::span<const uint8_t> in, uint8_t* out);
  size_t finish(uint8_t* out);
  // An "=" that began nothing.
  bool damaged() const { return damaged_; }

 private:
  // An escape under way: "=" and what followed it so far.
  enum class Escape : uint8_t { kNone, kEquals, kDigit, kPadding, kCarriageReturn };

  bool escape_takes(uint8_t byte, uint8_t*& out);
  void give_up_escape(uint8_t*& out);

  FixedText<kPaddingBytes + 4> escape_;   // the text of the escape, to be given back if it is none
  FixedText<kPaddingBytes + 1> padding_;  // blanks, perhaps CR, that may precede a line end
  Escape state_ = Escape::kNone;
  bool damaged_ = false;
};

}  // namespace postern::mime
