// A header block taken apart for fuzzers.
#pragma once

#include <string_view>

namespace postern::fuzz {

// Calls take(name, value) for each field, folded lines included; what has no colon is passed over.
template <typename Take>
void for_each_field(std::string_view header, Take&& take) {
  while (!header.empty()) {
    size_t end = 0;
    do {
      end = header.find('\n', end);
      end = end == header.npos ? header.size() : end + 1;
    } while (end < header.size() && (header[end] == ' ' || header[end] == '\t'));
    const std::string_view field = header.substr(0, end);
    const size_t colon = field.find(':');
    if (colon != field.npos) take(field.substr(0, colon), field.substr(colon + 1));
    header.remove_prefix(end);
  }
}

}  // namespace postern::fuzz
