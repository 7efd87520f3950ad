// Character references of HTML ("&amp;", "&#228;", "&#xe4;").
#pragma once

#include <cstddef>
#include <string_view>

namespace postern::mime {

// The longest name that is known, without "&" and ";".
inline constexpr size_t kMaxEntityName = 24;

struct Entity {
  char32_t code_point = 0;
  size_t length = 0;  // of the name's part that stands for it; 0 when `name` is no reference
};

// `name`: what follows "&", letters and digits, or "#" and a number. `closed`: ";" follows. Without
// ";" only the names that browsers accept so count, and also as the beginning of a longer word when
// `prefix` (in text, not in attributes).
Entity find_entity(std::string_view name, bool closed, bool prefix);

}  // namespace postern::mime
