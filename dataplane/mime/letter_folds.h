// What each letter looks like to a human eye, in small Latin letters where it looks like some.
//
// Theory of operation. One table a process, made at the first call from Unicode's own: a character
// is decomposed (NFKD: full-width, mathematical, enclosed and accented letters become plain ones),
// marks and characters that are not seen are dropped, and what is no ASCII letter then is looked up
// among Unicode's confusables (UTS 39). Looking a character up is two loads.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace postern::mime {

class LetterFolds {
 public:
  // The process's table; made when first asked for, some 50 ms. Any thread.
  static const LetterFolds& table();

  // Up to three octets of ASCII, the first in the lowest octet; kDropped when nothing is seen; or,
  // with kItself set, a code point: of the small letter, or the character's own.
  static constexpr uint32_t kDropped = 0;
  static constexpr uint32_t kItself = 1u << 31;
  uint32_t operator[](char32_t c) const {
    if (c >= kEnd) return c >= kTags && c < kTagsEnd ? kDropped : kItself | c;
    return pages_[page_of_[c >> 8]][c & 0xff];
  }

 private:
  static constexpr char32_t kEnd = 0x20000;
  static constexpr char32_t kTags = 0xe0000;  // never seen, nor the variation selectors behind them
  static constexpr char32_t kTagsEnd = 0xe1000;
  using Page = std::array<uint32_t, 256>;

  LetterFolds();

  std::array<uint16_t, kEnd / 256> page_of_{};
  std::vector<Page> pages_;
};

}  // namespace postern::mime
