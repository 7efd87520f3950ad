#include "base/duration.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

namespace postern {
namespace {

struct Unit {
  std::string_view name;
  int64_t milliseconds;
};
// Longest first, as format_duration() takes them. No weeks there: "14d" reads better than "2w".
constexpr Unit kUnits[] = {{"w", 604'800'000}, {"d", 86'400'000}, {"h", 3'600'000},
                           {"m", 60'000},      {"s", 1'000},      {"ms", 1}};
constexpr int64_t kLongest = 36'525 * int64_t{86'400'000};

}  // namespace

std::expected<std::chrono::milliseconds, std::string> parse_duration(std::string_view text) {
  const auto error = [&](std::string_view what) {
    return std::unexpected(fmt::format(
        "'{}' {}: write a number and its unit (ms, s, m, h, d, w), for example 30s, 1h or 7d", text,
        what));
  };
  if (text == "0") return std::chrono::milliseconds(0);
  if (text.empty()) return error("is not a duration");
  int64_t total = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    int64_t count = 0;
    const auto [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), count);
    if (code == std::errc::result_out_of_range) return error("is too long a time");
    if (code != std::errc() || rest.front() == '-') return error("is not a duration");
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    const std::string_view name = rest.substr(0, rest.find_first_of("0123456789"));
    if (name.empty()) return error("lacks a unit");
    const Unit* unit = nullptr;
    for (const Unit& candidate : kUnits) {
      if (candidate.name == name) unit = &candidate;
    }
    if (unit == nullptr) return error("is not a duration");
    if (count > (kLongest - total) / unit->milliseconds) return error("is too long a time");
    total += count * unit->milliseconds;
    rest.remove_prefix(name.size());
  }
  return std::chrono::milliseconds(total);
}

std::string format_duration(std::chrono::milliseconds duration) {
  if (duration.count() == 0) return "0s";
  std::string out;
  int64_t rest = duration.count();
  for (const Unit& unit : kUnits) {
    if (unit.name == "w" || rest < unit.milliseconds) continue;
    out += fmt::format("{}{}", rest / unit.milliseconds, unit.name);
    rest %= unit.milliseconds;
  }
  return out;
}

}  // namespace postern
