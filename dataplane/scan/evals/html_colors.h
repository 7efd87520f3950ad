// Colours of text in HTML, as far as they make text unreadable.
#pragma once

#include <cstdint>
#include <string_view>

namespace postern::scan::evals {

struct Color {
  // kUnreadable: "#" without digits, neither a colour nor wrong. kTransparent: while a style is
  // read.
  enum class Kind : uint8_t { kValue, kInvalid, kUnreadable, kTransparent };
  Kind kind = Kind::kValue;
  uint32_t rgb = 0;
  bool operator==(const Color&) const = default;
};

struct Colors {
  Color text{};
  Color background{Color::Kind::kValue, 0xffffff};
};

// A colour's name, "#…" or "rgb(…)".
Color color_of(std::string_view written);
// What a style attribute says of colours.
void apply_style(std::string_view style, Color parent_background, Colors& colors);

enum class Contrast : uint8_t { kReadable, kLow, kInvalid };
Contrast contrast(const Colors& colors);

}  // namespace postern::scan::evals
