#include "dataplane/mime/skeleton.h"

#include <emmintrin.h>

#include <algorithm>
#include <cstring>

#include "dataplane/mime/ascii.h"
#include "dataplane/mime/charset.h"

namespace postern::mime {
namespace {

constexpr size_t kDigitsInWord = 3;
constexpr size_t kBetween = 3;       // characters between two letters that stand alone
constexpr size_t kAloneLetters = 3;  // fewer are no word

// What stands for a letter within a word; 0 for all else.
constexpr char letter_of(char c) {
  switch (c) {
    case '0':
      return 'o';
    case '1':
    case '!':
      return 'i';
    case '3':
      return 'e';
    case '4':
    case '@':
      return 'a';
    case '5':
    case '$':
      return 's';
    case '7':
      return 't';
    default:
      return 0;
  }
}

enum Class : uint8_t { kNeither = 0, kDigit = 1, kLetter = 2 };
struct Octet {
  char small;  // of ASCII
  uint8_t is;  // letters are also the octets above 0x7f
  char stands_for;
};
constexpr std::array<Octet, 256> kOctets = [] {
  std::array<Octet, 256> table{};
  for (size_t i = 0; i < table.size(); ++i) {
    const char c = static_cast<char>(i);
    const bool letter = i >= 0x80 || is_alpha(c);
    table[i] = {to_lower(c),
                static_cast<uint8_t>(letter        ? kLetter
                                     : is_digit(c) ? kDigit
                                                   : kNeither),
                letter_of(c)};
  }
  return table;
}();
constexpr const Octet& octet(char c) { return kOctets[static_cast<uint8_t>(c)]; }

bool continues(char c) { return (static_cast<uint8_t>(c) & 0xc0) == 0x80; }

// The sequence at the start of `text`, which is well-formed; advances `text`.
char32_t take_character(std::string_view& text) {
  const uint8_t lead = static_cast<uint8_t>(text[0]);
  const size_t length = std::min<size_t>(lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4, text.size());
  char32_t c = lead & (0xff >> (length + 1));
  for (size_t i = 1; i < length; ++i) c = c << 6 | (static_cast<uint8_t>(text[i]) & 0x3f);
  text.remove_prefix(length);
  return c;
}

__m128i in_range(__m128i bytes, char first, char last) {
  return _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8(static_cast<char>(first - 1))),
                       _mm_cmplt_epi8(bytes, _mm_set1_epi8(static_cast<char>(last + 1))));
}

__m128i load(const char* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }

// Sixteen at a time, ASCII at the start of `in` to small letters; returns how many. `digits` is set
// when some may stand for letters.
size_t fold_ascii(std::string_view in, char* out, bool& digits) {
  const char* p = in.data();
  __m128i seen = _mm_setzero_si128();
  for (; in.data() + in.size() - p >= 16; p += 16, out += 16) {
    const __m128i bytes = load(p);
    if (_mm_movemask_epi8(bytes) != 0) break;
    const __m128i capital = in_range(bytes, 'A', 'Z');
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out),
                     _mm_or_si128(bytes, _mm_and_si128(capital, _mm_set1_epi8(0x20))));
    // Digits, and '!' to '$', and '@'.
    seen = _mm_or_si128(seen, _mm_or_si128(in_range(bytes, '0', '9'), in_range(bytes, '!', '$')));
    seen = _mm_or_si128(seen, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('@')));
  }
  digits = digits || _mm_movemask_epi8(seen) != 0;
  return static_cast<size_t>(p - in.data());
}

// A bit for each of up to 64 octets: letters and digits; and those above 0x7f.
struct Masks {
  uint64_t letters = 0;
  uint64_t high = 0;
};

Masks masks_of(const char* p, size_t size) {
  char padded[64] = {};
  if (size < 64) {
    std::memcpy(padded, p, size);
    p = padded;
  }
  Masks masks;
  for (unsigned i = 0; i < 4; ++i) {
    const __m128i bytes = load(p + 16 * i);
    const auto high = static_cast<uint16_t>(_mm_movemask_epi8(bytes));
    const auto ascii = static_cast<uint16_t>(
        _mm_movemask_epi8(_mm_or_si128(in_range(bytes, 'a', 'z'), in_range(bytes, '0', '9'))));
    masks.letters |= uint64_t{static_cast<uint16_t>(ascii | high)} << 16 * i;
    masks.high |= uint64_t{high} << 16 * i;
  }
  return masks;
}

// Whether two letters may stand alone near each other: most paragraphs have none such.
bool has_alone_letters(std::string_view folded) {
  constexpr size_t kStep = 48;  // what two windows share is longer than two letters' distance
  for (size_t at = 0; at < folded.size(); at += kStep) {
    const Masks m = masks_of(folded.data() + at, std::min<size_t>(64, folded.size() - at));
    const uint64_t alone = m.letters & ~(m.letters << 1) & (~(m.letters >> 1) | m.high);
    uint64_t near = 0;
    for (unsigned distance = 2; distance <= 4 + kBetween; ++distance) near |= alone >> distance;
    if (alone & near) return true;
  }
  return false;
}

// The length of the character at `at` when it is a letter or digit with none beside it, else 0.
size_t alone_at(std::string_view text, size_t at) {
  if (octet(text[at]).is == kNeither || continues(text[at])) return 0;
  size_t length = 1;
  while (at + length < text.size() && continues(text[at + length])) ++length;
  if (at > 0 && octet(text[at - 1]).is != kNeither) return 0;
  if (at + length < text.size() && octet(text[at + length]).is != kNeither) return 0;
  return length;
}

}  // namespace

std::string_view Skeleton::fold(std::string_view paragraph) {
  fold_letters(paragraph.substr(0, kParagraphBytes));
  if (digits_) fold_digits();
  join_letters();
  return {text_.data(), size_};
}

void Skeleton::put(uint32_t fold) {
  if (fold & LetterFolds::kItself) {
    size_ += put_utf8(fold & ~LetterFolds::kItself, text_.data() + size_);
    return;
  }
  for (; fold != 0; fold >>= 8) {
    const char c = static_cast<char>(fold & 0xff);
    text_[size_++] = c;
    digits_ = digits_ || octet(c).stands_for != 0;
  }
}

void Skeleton::fold_letters(std::string_view paragraph) {
  size_ = 0;
  digits_ = false;
  while (!paragraph.empty()) {
    const size_t plain = fold_ascii(paragraph, text_.data() + size_, digits_);
    size_ += plain;
    paragraph.remove_prefix(plain);
    for (size_t i = 0; i < 16 && !paragraph.empty(); ++i) {
      const uint8_t lead = static_cast<uint8_t>(paragraph[0]);
      if (lead >= 0x80) {
        put(folds_[take_character(paragraph)]);
      } else {
        put(octet(paragraph[0]).small == 0 ? LetterFolds::kDropped
                                           : static_cast<uint8_t>(octet(paragraph[0]).small));
        paragraph.remove_prefix(1);
      }
    }
  }
}

// Whether what stands from `at` to `end`, within a word, is the "@" of "bob@host.example".
bool Skeleton::is_address(size_t at, size_t end) const {
  if (end - at != 1 || text_[at] != '@') return false;
  while (end < size_ && (octet(text_[end]).is != kNeither || text_[end] == '-')) ++end;
  return end + 1 < size_ && text_[end] == '.' && octet(text_[end + 1]).is != kNeither;
}

void Skeleton::fold_digits() {
  const auto is_letter = [this](size_t at) { return octet(text_[at]).is == kLetter; };
  for (size_t at = 1; at + 1 < size_; ++at) {
    if (octet(text_[at]).stands_for == 0 || !is_letter(at - 1)) continue;
    size_t end = at + 1;
    while (end < size_ && end - at < kDigitsInWord && octet(text_[end]).stands_for != 0) ++end;
    if (end < size_ && is_letter(end) && !is_address(at, end)) {
      for (size_t i = at; i < end; ++i) text_[i] = octet(text_[i]).stands_for;
    }
    at = end - 1;
  }
}

void Skeleton::join_letters() {
  const std::string_view text(text_.data(), size_);
  if (!has_alone_letters(text)) return;

  size_t made = 0;
  for (size_t at = 0; at < text.size();) {
    // A run of letters that stand alone begins here, or does not.
    size_t letters = 0;
    size_t end = at;  // behind the last of them
    for (size_t look = at; look < text.size();) {
      const size_t length = alone_at(text, look);
      if (length == 0) break;
      ++letters;
      end = look += length;
      while (look < text.size() && look - end < kBetween && octet(text[look]).is == kNeither)
        ++look;
    }
    if (letters < kAloneLetters) {
      if (end == at) ++end;
      // What was looked at stays as it is.
      std::memmove(text_.data() + made, text.data() + at, end - at);
      made += end - at;
    } else {
      for (; at < end; ++at) {
        if (octet(text[at]).is != kNeither) text_[made++] = text[at];
      }
    }
    at = end;
  }
  size_ = made;
}

}  // namespace postern::mime
