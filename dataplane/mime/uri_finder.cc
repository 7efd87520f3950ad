#include "dataplane/mime/uri_finder.h"

#include <emmintrin.h>

#include <algorithm>
#include <array>

#include "dataplane/mime/ascii.h"

namespace postern::mime {
namespace {

constexpr size_t kAddressBytes = 251;  // on either side of the "@"

// Octets with which a candidate may begin, and the "@" of an address.
constexpr std::array<bool, 256> make_beginnings() {
  std::array<bool, 256> table{};
  for (char c : {'h', 'H', 'f', 'F', 'm', 'M', 'w', 'W', '@'})
    table[static_cast<uint8_t>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kBeginnings = make_beginnings();

// Every candidate has one of these among its first octets: a colon, an "@", or the two letters with
// which "www." and "ftp." begin. Where the next stands in `text` at or behind `from`, or its size.
constexpr size_t kMostBeforeHint = 6;  // "mailto"
size_t next_hint(std::string_view text, size_t from) {
  const __m128i colon = _mm_set1_epi8(':'), at_sign = _mm_set1_epi8('@');
  const __m128i f = _mm_set1_epi8('f'), t = _mm_set1_epi8('t'), w = _mm_set1_epi8('w');
  const __m128i lower_case = _mm_set1_epi8(0x20);
  size_t at = from;
  for (; at + 17 <= text.size(); at += 16) {
    const char* const p = text.data() + at;
    const __m128i here = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i lower = _mm_or_si128(here, lower_case);
    const __m128i next =
        _mm_or_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 1)), lower_case);
    const __m128i signs = _mm_or_si128(_mm_cmpeq_epi8(here, colon), _mm_cmpeq_epi8(here, at_sign));
    const __m128i pairs =
        _mm_or_si128(_mm_and_si128(_mm_cmpeq_epi8(lower, w), _mm_cmpeq_epi8(next, w)),
                     _mm_and_si128(_mm_cmpeq_epi8(lower, f), _mm_cmpeq_epi8(next, t)));
    const int hits = _mm_movemask_epi8(_mm_or_si128(signs, pairs));
    if (hits != 0) return at + static_cast<size_t>(__builtin_ctz(static_cast<unsigned>(hits)));
  }
  const auto is_hint = [text](size_t i) {
    const char c = to_lower(text[i]), next = i + 1 < text.size() ? to_lower(text[i + 1]) : ' ';
    return c == ':' || c == '@' || (c == 'w' && next == 'w') || (c == 'f' && next == 't');
  };
  while (at < text.size() && !is_hint(at)) ++at;
  return at;
}

// How a candidate begins, and what is put before it.
struct Beginning {
  size_t length = 0;
  std::string_view scheme;
};

Beginning read_beginning(std::string_view text) {
  // "the", "what" and their like, the most of all words that come here, are none by their second
  // letter.
  const char second = text.size() > 4 ? to_lower(text[1]) : 'x';
  if (second != 't' && second != 'w' && second != 'a') return {};
  switch (to_lower(text[0])) {
    case 'h':
      if (starts_ignoring_case(text, "http://")) return {7, {}};
      if (starts_ignoring_case(text, "https://")) return {8, {}};
      break;
    case 'f':
      if (starts_ignoring_case(text, "ftp://")) return {6, {}};
      if (starts_ignoring_case(text, "ftp.")) return {4, "ftp://"};
      break;
    case 'm':
      if (starts_ignoring_case(text, "mailto:")) return {7, {}};
      break;
    case 'w':
      if (starts_ignoring_case(text, "www")) {
        size_t at = 3;
        while (at < 5 && at < text.size() && is_digit(text[at])) ++at;
        if (at < text.size() && text[at] == '.') return {at + 1, "http://"};
      }
      break;
    default:
      break;
  }
  return {};
}

constexpr bool contains(std::string_view set, char c) { return set.find(c) != set.npos; }

constexpr std::array<bool, 256> make_delimiters() {
  std::array<bool, 256> table{};
  for (size_t c = 0; c < table.size(); ++c) {
    table[c] = c <= ' ' || contains("><\"`}]{[|\x7f", static_cast<char>(c));
  }
  return table;
}
constexpr std::array<bool, 256> kDelimiters = make_delimiters();

// U+00A0, as UTF-8, ends a URI too.
bool is_delimiter(std::string_view text, size_t at) {
  return kDelimiters[static_cast<uint8_t>(text[at])] ||
         (text[at] == '\xc2' && at + 1 < text.size() && text[at + 1] == '\xa0');
}

std::string_view without_tail(std::string_view uri) {
  const size_t close = uri.find(')');
  if (close != uri.npos && uri.substr(0, close).find('(') == uri.npos) uri = uri.substr(0, close);
  while (!uri.empty() && contains("-~!@#^&*()_+=:;'?,.", uri.back())) uri.remove_suffix(1);
  return uri;
}

constexpr OctetSet kDomainEnds("?&/:");

constexpr bool is_word(char c) { return is_alnum(c) || c == '_'; }

// Addresses end where other URIs do, and at characters that no mail program takes for part of one.
bool is_address_delimiter(char c) {
  return kDelimiters[static_cast<uint8_t>(c)] || (c & 0x80) != 0 || contains(",('", c);
}

// A name with a dot and a last label of letters, as every top-level domain in use has it.
bool looks_like_domain(std::string_view host) {
  host = host.substr(0, kDomainEnds.find_in(host));
  const size_t dot = host.rfind('.');
  if (dot == host.npos || dot == 0 || host.size() - dot < 3) return false;
  for (char c : host.substr(dot + 1)) {
    if (!is_alpha(c)) return false;
  }
  return true;
}

}  // namespace

// The bare address around the "@" at `at`; empty when there is none.
std::string_view UriFinder::address_at(size_t at) const {
  size_t start = at;
  while (start > 0 && at - start < kAddressBytes && !is_address_delimiter(rest_[start - 1])) {
    --start;
  }
  while (start < at && !is_word(rest_[start])) ++start;
  // "mail:someone@example.com" is a label before an address.
  const size_t colon = rest_.substr(start, at - start).rfind(':');
  if (colon != rest_.npos) start += colon + 1;
  size_t end = at + 1;
  while (end < rest_.size() && end - at < kAddressBytes && !is_address_delimiter(rest_[end]) &&
         rest_[end] != '@') {
    ++end;
  }
  const std::string_view address = without_tail(rest_.substr(start, end - start));
  const bool whole = start < at && address.size() > at - start + 1;
  return whole && looks_like_domain(address.substr(at - start + 1)) ? address : std::string_view{};
}

// `uri` begins at `start`; what follows it is left to be searched.
std::string_view UriFinder::take(size_t start, std::string_view uri, std::string_view scheme) {
  before_ = uri.back();
  rest_.remove_prefix(start + uri.size());
  if (scheme.empty()) return uri;
  with_scheme_.assign(scheme);
  with_scheme_.append(uri);
  return with_scheme_.view();
}

std::string_view UriFinder::next() {
  size_t searched = 0;  // for hints
  for (size_t at = 0;; ++at) {
    if (at == searched) {
      const size_t hint = next_hint(rest_, searched);
      if (hint == rest_.size()) break;
      at = std::max(at, hint - std::min(hint, kMostBeforeHint));
      searched = hint + 1;
    }
    if (!kBeginnings[static_cast<uint8_t>(rest_[at])]) continue;
    if (rest_[at] == '@') {
      const std::string_view address = address_at(at);
      if (address.empty()) continue;
      return take(static_cast<size_t>(address.data() - rest_.data()), address, "mailto:");
    }
    if (is_word(at > 0 ? rest_[at - 1] : before_)) continue;
    const Beginning beginning = read_beginning(rest_.substr(at));
    if (beginning.length == 0) continue;
    const bool mail = to_lower(rest_[at]) == 'm';
    size_t end = at + beginning.length;
    while (end < rest_.size() && end - at < kUriBytes && !is_delimiter(rest_, end) &&
           !(mail && is_address_delimiter(rest_[end]))) {
      ++end;
    }
    const std::string_view uri = without_tail(rest_.substr(at, end - at));
    // Something must follow the scheme or the "www."; an address needs its "@".
    if (uri.size() <= beginning.length || (mail && !contains(uri, '@'))) continue;
    return take(at, uri, beginning.scheme);
  }
  rest_ = {};
  return {};
}

}  // namespace postern::mime
