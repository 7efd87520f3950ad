#include "dataplane/mime/uri_finder.h"

#include <algorithm>
#include <array>

#include "dataplane/mime/ascii.h"

namespace postern::mime {
namespace {

// How a candidate begins, and what is put before it.
struct Beginning {
  size_t length = 0;
  std::string_view scheme;
};

Beginning read_beginning(std::string_view text) {
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

constexpr bool is_word(char c) { return is_alnum(c) || c == '_'; }

}  // namespace

std::string_view UriFinder::next() {
  size_t at = 0;
  char before = before_;
  for (; at < rest_.size(); before = rest_[at++]) {
    const char c = to_lower(rest_[at]);
    if ((c != 'h' && c != 'w' && c != 'f' && c != 'm') || is_word(before)) continue;
    const Beginning beginning = read_beginning(rest_.substr(at));
    if (beginning.length == 0) continue;
    const bool mail = c == 'm';
    size_t end = at + beginning.length;
    while (end < rest_.size() && end - at < kUriBytes && !is_delimiter(rest_, end) &&
           !(mail && (contains(",('", rest_[end]) || (rest_[end] & 0x80) != 0))) {
      ++end;
    }
    const std::string_view uri = without_tail(rest_.substr(at, end - at));
    // Something must follow the scheme or the "www."; an address needs its "@".
    if (uri.size() <= beginning.length || (mail && !contains(uri, '@'))) continue;
    before_ = rest_[at + uri.size() - 1];
    rest_.remove_prefix(at + uri.size());
    if (beginning.scheme.empty()) return uri;
    with_scheme_.assign(beginning.scheme);
    with_scheme_.append(uri);
    return with_scheme_.view();
  }
  rest_ = {};
  return {};
}

}  // namespace postern::mime
