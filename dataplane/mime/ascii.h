// Letters, digits and blanks of US-ASCII, whatever the locale, and scans for one of a few bytes.
#pragma once

#include <emmintrin.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace postern::mime {

constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
constexpr bool is_alpha(char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alnum(char c) { return is_alpha(c) || is_digit(c); }
constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }
constexpr bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');  // \t \n \v \f \r
}
// -1 when `c` is no hexadecimal digit.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}
constexpr bool starts_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}
// Where `what` is first found in `text` at or behind `from`, or npos.
constexpr size_t find_ignoring_case(std::string_view text, std::string_view what, size_t from = 0) {
  for (size_t at = from; at + what.size() <= text.size(); ++at) {
    if (equals_ignoring_case(text.substr(at, what.size()), what)) return at;
  }
  return std::string_view::npos;
}
constexpr bool ends_ignoring_case(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         equals_ignoring_case(text.substr(text.size() - suffix.size()), suffix);
}
constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// Octets to be looked for, one look-up for each that is met: string_view::find_first_of calls
// memchr.
class OctetSet {
 public:
  constexpr explicit OctetSet(std::string_view members) {
    for (const char c : members) has_[static_cast<uint8_t>(c)] = true;
  }
  constexpr bool has(char c) const { return has_[static_cast<uint8_t>(c)]; }
  // Where the first of them stands in `text`; its size when there is none.
  constexpr size_t find_in(std::string_view text) const {
    size_t at = 0;
    while (at < text.size() && !has(text[at])) ++at;
    return at;
  }

 private:
  std::array<bool, 256> has_{};
};

// The first `a` or `b` in [p, end), or `end`.
inline const char* find_either(const char* p, const char* end, char a, char b) {
  const __m128i first = _mm_set1_epi8(a);
  const __m128i second = _mm_set1_epi8(b);
  while (end - p >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const int hits = _mm_movemask_epi8(
        _mm_or_si128(_mm_cmpeq_epi8(bytes, first), _mm_cmpeq_epi8(bytes, second)));
    if (hits != 0) return p + __builtin_ctz(static_cast<unsigned>(hits));
    p += 16;
  }
  while (p < end && *p != a && *p != b) ++p;
  return p;
}

// The first `a`, `b` or `c` in [p, end), or `end`.
inline const char* find_any(const char* p, const char* end, char a, char b, char c) {
  const __m128i first = _mm_set1_epi8(a);
  const __m128i second = _mm_set1_epi8(b);
  const __m128i third = _mm_set1_epi8(c);
  while (end - p >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i two = _mm_or_si128(_mm_cmpeq_epi8(bytes, first), _mm_cmpeq_epi8(bytes, second));
    const int hits = _mm_movemask_epi8(_mm_or_si128(two, _mm_cmpeq_epi8(bytes, third)));
    if (hits != 0) return p + __builtin_ctz(static_cast<unsigned>(hits));
    p += 16;
  }
  while (p < end && *p != a && *p != b && *p != c) ++p;
  return p;
}

// How many bytes at the start of `text` are US-ASCII.
inline size_t ascii_prefix(std::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  while (end - p >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const int high = _mm_movemask_epi8(bytes);
    if (high != 0)
      return static_cast<size_t>(p - text.data()) + __builtin_ctz(static_cast<unsigned>(high));
    p += 16;
  }
  while (p < end && static_cast<signed char>(*p) >= 0) ++p;
  return static_cast<size_t>(p - text.data());
}

inline std::string_view as_text(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace postern::mime
