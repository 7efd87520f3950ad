#include "dataplane/scan/evals/html_colors.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "dataplane/mime/ascii.h"
#include "dataplane/mime/fixed_text.h"

namespace postern::scan::evals {
namespace {

using mime::hex_value;
using mime::is_digit;
using mime::to_lower;
using mime::trim;

struct Named {
  std::string_view name;
  uint32_t rgb;
};

// CSS Color 3, 4.3; sorted.
constexpr std::array kNamed{
    Named{"aliceblue", 0xf0f8ff},
    Named{"antiquewhite", 0xfaebd7},
    Named{"aqua", 0x00ffff},
    Named{"aquamarine", 0x7fffd4},
    Named{"azure", 0xf0ffff},
    Named{"beige", 0xf5f5dc},
    Named{"bisque", 0xffe4c4},
    Named{"black", 0x000000},
    Named{"blanchedalmond", 0xffebcd},
    Named{"blue", 0x0000ff},
    Named{"blueviolet", 0x8a2be2},
    Named{"brown", 0xa52a2a},
    Named{"burlywood", 0xdeb887},
    Named{"cadetblue", 0x5f9ea0},
    Named{"chartreuse", 0x7fff00},
    Named{"chocolate", 0xd2691e},
    Named{"coral", 0xff7f50},
    Named{"cornflowerblue", 0x6495ed},
    Named{"cornsilk", 0xfff8dc},
    Named{"crimson", 0xdc143c},
    Named{"cyan", 0x00ffff},
    Named{"darkblue", 0x00008b},
    Named{"darkcyan", 0x008b8b},
    Named{"darkgoldenrod", 0xb8860b},
    Named{"darkgray", 0xa9a9a9},
    Named{"darkgreen", 0x006400},
    Named{"darkgrey", 0xa9a9a9},
    Named{"darkkhaki", 0xbdb76b},
    Named{"darkmagenta", 0x8b008b},
    Named{"darkolivegreen", 0x556b2f},
    Named{"darkorange", 0xff8c00},
    Named{"darkorchid", 0x9932cc},
    Named{"darkred", 0x8b0000},
    Named{"darksalmon", 0xe9967a},
    Named{"darkseagreen", 0x8fbc8f},
    Named{"darkslateblue", 0x483d8b},
    Named{"darkslategray", 0x2f4f4f},
    Named{"darkslategrey", 0x2f4f4f},
    Named{"darkturquoise", 0x00ced1},
    Named{"darkviolet", 0x9400d3},
    Named{"deeppink", 0xff1493},
    Named{"deepskyblue", 0x00bfff},
    Named{"dimgray", 0x696969},
    Named{"dimgrey", 0x696969},
    Named{"dodgerblue", 0x1e90ff},
    Named{"firebrick", 0xb22222},
    Named{"floralwhite", 0xfffaf0},
    Named{"forestgreen", 0x228b22},
    Named{"fuchsia", 0xff00ff},
    Named{"gainsboro", 0xdcdcdc},
    Named{"ghostwhite", 0xf8f8ff},
    Named{"gold", 0xffd700},
    Named{"goldenrod", 0xdaa520},
    Named{"gray", 0x808080},
    Named{"green", 0x008000},
    Named{"greenyellow", 0xadff2f},
    Named{"grey", 0x808080},
    Named{"honeydew", 0xf0fff0},
    Named{"hotpink", 0xff69b4},
    Named{"indianred", 0xcd5c5c},
    Named{"indigo", 0x4b0082},
    Named{"ivory", 0xfffff0},
    Named{"khaki", 0xf0e68c},
    Named{"lavender", 0xe6e6fa},
    Named{"lavenderblush", 0xfff0f5},
    Named{"lawngreen", 0x7cfc00},
    Named{"lemonchiffon", 0xfffacd},
    Named{"lightblue", 0xadd8e6},
    Named{"lightcoral", 0xf08080},
    Named{"lightcyan", 0xe0ffff},
    Named{"lightgoldenrodyellow", 0xfafad2},
    Named{"lightgray", 0xd3d3d3},
    Named{"lightgreen", 0x90ee90},
    Named{"lightgrey", 0xd3d3d3},
    Named{"lightpink", 0xffb6c1},
    Named{"lightsalmon", 0xffa07a},
    Named{"lightseagreen", 0x20b2aa},
    Named{"lightskyblue", 0x87cefa},
    Named{"lightslategray", 0x778899},
    Named{"lightslategrey", 0x778899},
    Named{"lightsteelblue", 0xb0c4de},
    Named{"lightyellow", 0xffffe0},
    Named{"lime", 0x00ff00},
    Named{"limegreen", 0x32cd32},
    Named{"linen", 0xfaf0e6},
    Named{"magenta", 0xff00ff},
    Named{"maroon", 0x800000},
    Named{"mediumaquamarine", 0x66cdaa},
    Named{"mediumblue", 0x0000cd},
    Named{"mediumorchid", 0xba55d3},
    Named{"mediumpurple", 0x9370db},
    Named{"mediumseagreen", 0x3cb371},
    Named{"mediumslateblue", 0x7b68ee},
    Named{"mediumspringgreen", 0x00fa9a},
    Named{"mediumturquoise", 0x48d1cc},
    Named{"mediumvioletred", 0xc71585},
    Named{"midnightblue", 0x191970},
    Named{"mintcream", 0xf5fffa},
    Named{"mistyrose", 0xffe4e1},
    Named{"moccasin", 0xffe4b5},
    Named{"navajowhite", 0xffdead},
    Named{"navy", 0x000080},
    Named{"oldlace", 0xfdf5e6},
    Named{"olive", 0x808000},
    Named{"olivedrab", 0x6b8e23},
    Named{"orange", 0xffa500},
    Named{"orangered", 0xff4500},
    Named{"orchid", 0xda70d6},
    Named{"palegoldenrod", 0xeee8aa},
    Named{"palegreen", 0x98fb98},
    Named{"paleturquoise", 0xafeeee},
    Named{"palevioletred", 0xdb7093},
    Named{"papayawhip", 0xffefd5},
    Named{"peachpuff", 0xffdab9},
    Named{"peru", 0xcd853f},
    Named{"pink", 0xffc0cb},
    Named{"plum", 0xdda0dd},
    Named{"powderblue", 0xb0e0e6},
    Named{"purple", 0x800080},
    Named{"red", 0xff0000},
    Named{"rosybrown", 0xbc8f8f},
    Named{"royalblue", 0x4169e1},
    Named{"saddlebrown", 0x8b4513},
    Named{"salmon", 0xfa8072},
    Named{"sandybrown", 0xf4a460},
    Named{"seagreen", 0x2e8b57},
    Named{"seashell", 0xfff5ee},
    Named{"sienna", 0xa0522d},
    Named{"silver", 0xc0c0c0},
    Named{"skyblue", 0x87ceeb},
    Named{"slateblue", 0x6a5acd},
    Named{"slategray", 0x708090},
    Named{"slategrey", 0x708090},
    Named{"snow", 0xfffafa},
    Named{"springgreen", 0x00ff7f},
    Named{"steelblue", 0x4682b4},
    Named{"tan", 0xd2b48c},
    Named{"teal", 0x008080},
    Named{"thistle", 0xd8bfd8},
    Named{"tomato", 0xff6347},
    Named{"turquoise", 0x40e0d0},
    Named{"violet", 0xee82ee},
    Named{"wheat", 0xf5deb3},
    Named{"white", 0xffffff},
    Named{"whitesmoke", 0xf5f5f5},
    Named{"yellow", 0xffff00},
    Named{"yellowgreen", 0x9acd32},
};
static_assert(std::ranges::is_sorted(kNamed, {}, &Named::name));

constexpr size_t kLongestColor = 64;
using ColorText = mime::FixedText<kLongestColor>;

// A "#": hexadecimal digits, three or six of them; what lacks is zero.
Color read_hex(std::string_view text) {
  uint8_t digits[6];
  size_t count = 0;
  for (char c : text) {
    if (hex_value(c) >= 0 && count < 6) digits[count++] = static_cast<uint8_t>(hex_value(c));
  }
  if (count == 0) return {Color::Kind::kUnreadable, 0};
  if (count == 4 || count == 5) count = 3;
  while (count % 3 != 0) digits[count++] = 0;
  uint32_t rgb = 0;
  for (size_t i = 0; i < 6; ++i) rgb = rgb << 4 | digits[count == 3 ? i / 2 : i];
  return {Color::Kind::kValue, rgb};
}

// The numbers of "rgb(…)"; percentages are of 255.
Color read_rgb(std::string_view text) {
  uint32_t rgb = 0;
  for (int i = 0; i < 3; ++i) {
    while (!text.empty() && !is_digit(text[0])) text.remove_prefix(1);
    uint32_t value = 0;
    while (!text.empty() && is_digit(text[0])) {
      value = std::min<uint32_t>(10 * value + static_cast<uint32_t>(text[0] - '0'), 100'000);
      text.remove_prefix(1);
    }
    if (text.starts_with('%')) value = value * 255 / 100;
    rgb = rgb << 8 | std::min<uint32_t>(value, 255);
  }
  return {Color::Kind::kValue, rgb};
}

// The last layer of a CSS background: its first word that is a colour.
Color background(std::string_view value) {
  Color found;
  found.kind = Color::Kind::kInvalid;
  size_t begin = 0;
  int depth = 0;
  bool searching = true;
  for (size_t i = 0; i <= value.size(); ++i) {
    const char c = i < value.size() ? value[i] : ' ';
    if (c == '(') ++depth;
    if (c == ')' && depth > 0) --depth;
    if (depth > 0 || (c != ' ' && c != ',')) continue;
    const std::string_view word = value.substr(begin, i - begin);
    begin = i + 1;
    if (searching && !word.empty()) {
      found = color_of(word);
      searching = found.kind == Color::Kind::kInvalid;
    }
    if (c == ',') searching = true;
  }
  return found;
}

}  // namespace

Color color_of(std::string_view written) {
  ColorText lower;
  for (char c : trim(written)) lower.append(to_lower(c));
  const std::string_view text = lower.view();
  const auto named = std::ranges::lower_bound(kNamed, text, {}, &Named::name);
  if (named != kNamed.end() && named->name == text) return {Color::Kind::kValue, named->rgb};
  if (text.starts_with('#') &&
      std::ranges::all_of(text, [](char c) { return c == '#' || hex_value(c) >= 0; })) {
    return read_hex(text);
  }
  if (const size_t at = text.find("rgb("); at != text.npos) {
    const std::string_view inside = text.substr(at + 4, text.find(')', at) - at - 4);
    if (text.find(')', at) != text.npos && std::ranges::all_of(inside, [](char c) {
          return is_digit(c) || c == '%' || c == ',' || c == ' ';
        })) {
      return read_rgb(inside);
    }
  }
  return {Color::Kind::kInvalid, 0};
}

void apply_style(std::string_view style, Color parent_background, Colors& colors) {
  while (!style.empty()) {
    const size_t end = std::min(style.find(';'), style.size());
    std::string_view part = trim(style.substr(0, end));
    style.remove_prefix(std::min(end + 1, style.size()));
    const size_t colon = part.find(':');
    if (colon == part.npos) continue;
    const std::string_view name = part.substr(0, colon);
    std::string_view value = trim(part.substr(colon + 1));
    if (value.empty()) continue;
    const bool of_background = mime::equals_ignoring_case(name, "background-color");
    if (!of_background && !mime::equals_ignoring_case(name, "color")) {
      if (name != "background") continue;
      const Color color = background(value);
      if (color.kind != Color::Kind::kInvalid) colors.background = color;
      continue;
    }
    Color& color = of_background ? colors.background : colors.text;
    if (mime::ends_ignoring_case(value, "important")) {
      const std::string_view before = trim(value.substr(0, value.size() - 9));
      if (before.ends_with('!')) value = trim(before.substr(0, before.size() - 1));
    }
    ColorText lower;
    for (char c : value) lower.append(to_lower(c));
    if (lower.view().find("rgb") != std::string_view::npos) {
      color = read_rgb(lower.view());
    } else if (lower.view() == "transparent") {
      color.kind = Color::Kind::kTransparent;
    } else if (lower.view() != "inherit") {
      color = color_of(value);
    }
  }
  if (colors.background.kind == Color::Kind::kTransparent) colors.background = parent_background;
  if (colors.text.kind == Color::Kind::kTransparent) colors.text = colors.background;
}

Contrast contrast(const Colors& colors) {
  using Kind = Color::Kind;
  const Color text = colors.text;
  const Color back = colors.background;
  if (text == back) return Contrast::kLow;
  if (text.kind == Kind::kInvalid || back.kind == Kind::kInvalid) return Contrast::kInvalid;
  if (text.kind != Kind::kValue || back.kind != Kind::kValue) return Contrast::kReadable;
  // A distance in which each colour weighs as much as the eye makes of it.
  constexpr std::array kWeights{0.2126, 0.7152, 0.0722};
  constexpr double kReadableDistance = 12;
  double sum = 0;
  for (int i = 0; i < 3; ++i) {
    const int shift = 16 - 8 * i;
    const auto channel = [shift](Color c) { return static_cast<int>(c.rgb >> shift & 0xff); };
    const double difference = kWeights[static_cast<size_t>(i)] * (channel(text) - channel(back));
    sum += difference * difference;
  }
  return std::sqrt(sum) < kReadableDistance ? Contrast::kLow : Contrast::kReadable;
}

}  // namespace postern::scan::evals
