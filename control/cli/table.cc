#include "control/cli/table.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <locale.h>
#include <wchar.h>

#include <algorithm>
#include <ctime>
#include <cwchar>

namespace postern::cli {
namespace {

// The C library knows how wide characters are, in a locale that has them: this thread's, meanwhile,
// whatever locale the process has.
class Utf8Locale {
 public:
  Utf8Locale() {
    static const locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    if (utf8 != nullptr) before_ = uselocale(utf8);
  }
  ~Utf8Locale() {
    if (before_ != nullptr) uselocale(before_);
  }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  locale_t before_ = nullptr;
};

struct Character {
  size_t octets, columns;
};

// The one that begins `text`, which is not empty; an octet that is no UTF-8 takes a column. Under
// Utf8Locale.
Character first_character(std::string_view text) {
  wchar_t c = 0;
  std::mbstate_t state{};
  const size_t octets = std::mbrtowc(&c, text.data(), text.size(), &state);
  if (octets == 0 || octets > text.size()) return {1, 1};
  const int columns = wcwidth(c);
  return {octets, columns < 0 ? 1 : static_cast<size_t>(columns)};
}

}  // namespace

size_t width(std::string_view text) {
  const Utf8Locale locale;
  size_t columns = 0;
  while (!text.empty()) {
    const Character first = first_character(text);
    columns += first.columns;
    text.remove_prefix(first.octets);
  }
  return columns;
}

std::string printable(std::string_view text, size_t most) {
  const Utf8Locale locale;
  std::string out;
  size_t columns = 0;
  while (!text.empty()) {
    const Character first = first_character(text);
    const auto c = static_cast<unsigned char>(text[0]);
    // U+0080 to U+009F are control characters, too; in UTF-8 they are 0xc2 and their own octet.
    const bool is_c1 = c == 0xc2 && text.size() > 1 && static_cast<unsigned char>(text[1]) < 0xa0;
    const bool is_control = is_c1 || c < 0x20 || c == 0x7f;
    columns += is_control ? 4 : first.columns;
    if (columns > most) return out + "…";
    if (is_control)
      out += fmt::format("\\x{:02x}", is_c1 ? static_cast<unsigned char>(text[1]) : c);
    else
      out += text.substr(0, first.octets);
    text.remove_prefix(is_c1 ? 2 : first.octets);
  }
  return out;
}

std::string Table::to_string(size_t indent) const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line(indent, ' ');
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - width(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string local_time(uint64_t unix_s) {
  if (unix_s == 0) return "never";
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(static_cast<time_t>(unix_s)));
}

std::string age(uint64_t seconds) {
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m", seconds / 60);
  if (seconds < 86'400) return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{}d{}h", seconds / 86'400, seconds / 3600 % 24);
}

}  // namespace postern::cli
