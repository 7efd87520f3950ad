// A header field's value as its reader sees it: unfolded (RFC 5322 2.2.3), encoded words decoded
// (RFC 2047), UTF-8.
//
// Theory of operation. One pass over the folded value. White space between adjacent encoded words
// goes; neighbours in one charset are one text to the charset decoder, because mailers split
// characters between words. Octets above 0x7f outside of words are UTF-8 (RFC 6532), else
// windows-1252. An encoded word is whatever mail clients take for one: white space and "?" may
// stand in it.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "dataplane/mime/base64.h"
#include "dataplane/mime/charset.h"

namespace postern::mime {

class HeaderDecoder {
 public:
  explicit HeaderDecoder(ConverterCache* converters) : converters_(converters) {}

  enum class Words { kDecode, kKeep };

  // Decodes into `out` and returns the part of it that was filled. cut() then tells whether there
  // was more; the cut is between characters.
  std::string_view decode(std::string_view folded, Words words, std::span<char> out);
  bool cut() const { return cut_; }

 private:
  struct Word {
    std::string_view charset;
    char encoding = 'q';  // 'q' or 'b'
    std::string_view text;
    size_t length = 0;  // of the whole word; 0 when there is none
  };
  static Word read_word(std::string_view text);

  void put_plain(std::string_view text);
  void put_plain_octets(std::string_view octets);
  void put_word(const Word& word);
  void put_octets(std::string_view octets);
  void end_charset();
  void write(std::string_view utf8);

  ConverterCache* converters_;
  TextDecoder text_;
  Charset plain_;                                   // of what stands outside of words
  FixedText<ConverterCache::kLabelBytes> charset_;  // of the words under way
  bool ascii_ = false;                              // all of the value
  bool in_words_ = false;
  std::span<char> out_;
  size_t made_ = 0;
  bool cut_ = false;
};

// Fields that hold no encoded words by RFC 2047 5 and whose look-alikes are left alone.
bool holds_encoded_words(std::string_view field_name);

}  // namespace postern::mime
