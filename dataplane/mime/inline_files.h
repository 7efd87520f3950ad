// Files written into text: uuencode ("begin 644 name" to "end") and yEnc ("=ybegin" to "=yend").
//
// Theory of operation. Text goes in, in any pieces, and is seen line by line; outside of a file
// only the first octets of a line are looked at. A line is decoded as soon as it is whole. Damage
// is forgiven as decoders forgive it: lines shorter than they say (blanks were cut off their ends)
// are filled up, a line that cannot be the encoding's ends the file.
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/mime/fixed_text.h"

namespace postern::mime {

class InlineFileSink {
 public:
  virtual ~InlineFileSink() = default;
  virtual void inline_file_begin() = 0;
  virtual void inline_file_octets(std::string_view octets) = 0;
  virtual void inline_file_end() = 0;
};

class InlineFiles {
 public:
  // yEnc's lines are 128 octets by custom and 997 at most; of longer ones the rest is lost.
  static constexpr size_t kLineBytes = 1024;

  explicit InlineFiles(InlineFileSink* sink) : sink_(sink) {}

  void begin();
  void feed(std::string_view text);
  // The text has ended, and a file in it.
  void finish();

 private:
  enum class Encoding : uint8_t { kNone, kUuencode, kYenc };

  void line(std::string_view line);
  void uuencoded(std::string_view line);
  void yencoded(std::string_view line);
  void end_file();

  InlineFileSink* sink_;
  Encoding encoding_ = Encoding::kNone;
  FixedText<kLineBytes> line_;  // a line that is not whole yet
};

}  // namespace postern::mime
