// Octets in a labelled charset to UTF-8.
//
// Theory of operation. A label leads to a Charset: UTF-8 is passed through, charsets of
// one octet a character are tables made once per process through ICU, all others are ICU
// converters, opened when first met and kept by the Reader's ConverterCache. Labels are read as
// browsers read them (iso-8859-1 is windows-1252, gb2312 is gb18030): that is what the reader of a
// mail will see. The output is always well-formed UTF-8, in whole characters.
#pragma once

#include <unicode/ucnv.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dataplane/mime/fixed_text.h"

namespace postern::mime {

using HighHalf = std::array<char16_t, 128>;  // code points of the octets 0x80 to 0xff

struct Charset {
  enum class Kind : uint8_t {
    kUtf8,        // what is no UTF-8 in it is windows-1252
    kSingleByte,  // ASCII below 0x80
    kConverter,   // through ICU
  };
  Kind kind = Kind::kUtf8;
  bool known = true;
  bool guessed = false;          // the label says nothing: absent, ASCII or unknown; windows-1252
  bool ascii_compatible = true;  // an octet below 0x80 is that character, always
  const HighHalf* high = nullptr;
  UConverter* converter = nullptr;  // owned by the cache
};

// Finds charsets by label; holds the converters of one Reader. One thread.
class ConverterCache {
 public:
  static constexpr size_t kConverters = 8;
  static constexpr size_t kLabelBytes = 64;

  ConverterCache() = default;
  ~ConverterCache();
  ConverterCache(const ConverterCache&) = delete;
  ConverterCache& operator=(const ConverterCache&) = delete;

  // An empty label is ASCII. A converter stays open until seven other rare charsets were asked for.
  Charset find(std::string_view label);

 private:
  struct Entry {
    FixedText<kLabelBytes> label;
    UConverter* converter = nullptr;  // null: ICU does not know the label either
    uint64_t used = 0;
  };
  UConverter* open(std::string_view label, bool& known);

  std::array<Entry, kConverters> entries_;
  uint64_t clock_ = 0;
};

// One text in one charset. Octets may come in any pieces.
class TextDecoder {
 public:
  struct Step {
    size_t taken = 0;
    size_t made = 0;
  };
  // convert() needs room for this much to make progress.
  static constexpr size_t kMinRoom = 16;

  void begin(const Charset& charset);
  // Converts some of `in` to `out`; call again with the rest until all is taken. The octets of a
  // character split over calls are kept inside.
  Step convert(std::string_view in, char* out, size_t room);
  // No octets of an unfinished character are kept.
  bool idle() const { return partial_.empty() && lead_ == 0; }
  // What an unfinished character leaves. At most kMinRoom bytes a call; call until it makes none.
  size_t finish(char* out);

 private:
  Step convert_utf8(std::string_view in, char* out, size_t room);
  Step convert_single_byte(std::string_view in, char* out, size_t room);
  Step convert_icu(std::string_view in, char* out, size_t room, bool flush);

  Charset charset_;
  FixedText<4> partial_;          // of a UTF-8 sequence
  std::array<UChar, 256> pivot_;  // between a converter's input and UTF-8
  char16_t lead_ = 0;             // of a surrogate pair
  bool flushed_ = false;
};

// The length of the longest prefix of `text` that is well-formed UTF-8.
size_t utf8_prefix(std::string_view text);
// True when `rest`, at most 3 bytes, could be the beginning of a well-formed sequence.
bool is_utf8_beginning(std::string_view rest);
// Writes the sequence of `code_point`, returns its length (1 to 4).
size_t put_utf8(char32_t code_point, char* out);
// windows-1252, what unlabelled octets are taken for.
const HighHalf& windows_1252();

}  // namespace postern::mime
