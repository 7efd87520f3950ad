// Reading the server's replies (RFC 5321 4.2), split anywhere.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace postern::smtp {

// What an EHLO reply announces, as bits; only what changes how we read the connection.
enum class Extension : uint8_t {
  kChunking = 1 << 0,    // RFC 3030
  kStartTls = 1 << 1,    // RFC 3207
  kPipelining = 1 << 2,  // RFC 2920
};

// Finds the ends of replies. A line that is not of a reply's form is noise and skipped: so does a
// client.
class ReplyReader {
 public:
  struct Progress {
    size_t octets;  // read; all of the input unless a reply was completed
    bool complete;
  };
  Progress next(std::span<const uint8_t> bytes);
  // Of the reply completed last.
  uint16_t code() const { return code_; }
  // Bits of Extension, as if it answered EHLO (RFC 5321 4.1.1.1: from its second line on).
  uint8_t extensions() const { return extensions_; }

 private:
  bool take_line();

  // The beginning of the line under way: enough for a code and the longest keyword we know.
  std::array<char, 18> line_{};
  uint8_t line_used_ = 0;
  uint16_t code_ = 0;
  uint8_t extensions_ = 0;
  bool within_reply_ = false;  // a line that said "to be continued" has been read
};

}  // namespace postern::smtp
