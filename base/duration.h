// Durations as people write them: "250ms", "30s", "5m", "1h", "7d", "2w", or several together
// ("1h30m").
#pragma once

#include <chrono>
#include <expected>
#include <string>
#include <string_view>

namespace postern {

// A number without a unit is an error, save "0": nobody remembers which unit was meant. The error
// says what was expected. At most a hundred years.
std::expected<std::chrono::milliseconds, std::string> parse_duration(std::string_view text);

// The shortest form that parse_duration() reads back as the same: "1h30m", "250ms", "0s".
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace postern
