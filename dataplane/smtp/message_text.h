// The text between DATA's 354 and the end of data (RFC 5321 4.5.2).
//
// The end is exactly CRLF.CRLF, where the first CRLF may be that of the DATA command itself. A lone
// dot between any other line ends is text here, but an end to some servers ("SMTP smuggling"), so
// the reader stops in front of its line end and lets the caller judge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace postern::smtp {

class MessageText {
 public:
  enum class Stop : uint8_t {
    kText,        // take `text` and go on behind `octets`
    kEnd,         // the rest of the end of data follows `octets`: `terminator` octets long
    kDubiousEnd,  // a line end follows `octets` that some servers take for the end of data; if it
                  // may pass, go on there
  };
  struct Piece {
    std::span<const uint8_t> text;  // message octets, stuffed dots removed
    size_t octets;                  // read from the input
    size_t terminator;
    Stop stop;
  };

  // At the beginning of a line: the DATA command's own.
  void begin() { *this = MessageText(); }
  // Reads on: pieces are as large as can be. `bytes` is not empty.
  Piece next(std::span<const uint8_t> bytes);
  // Reads octets that are counted (BDAT), for their anomalies alone: there no end is one.
  void note_chunk(std::span<const uint8_t> bytes);
  // Bits of smtp::Anomaly: bare CR, bare LF, NUL, lone dots, of the text so far.
  uint32_t anomalies() const { return anomalies_; }

 private:
  // What was read last.
  enum class After : uint8_t {
    kCrLf,  // or nothing yet
    kText,
    kCr,
    kBareLf,
    kDot,        // CRLF .
    kDotCr,      // CRLF . CR
    kCrDot,      // a dot after a bare CR
    kLfDot,      // a dot after a bare LF
    kNulLine,    // NULs at the beginning of a line
    kNulDot,     // a dot, and NULs before or behind it, at the beginning of a line
    kDotCrText,  // CRLF . CR and not LF, judged harmless: the CR is still to be delivered
  };
  Piece dubious(std::span<const uint8_t> bytes, size_t from, size_t to);
  After after_nul();
  After after_text(uint8_t octet);

  After after_ = After::kCrLf;
  uint32_t anomalies_ = 0;
};

}  // namespace postern::smtp
