#include "base/time_text.h"

#include <fmt/chrono.h>

#include <ctime>

namespace postern {

std::string utc_time(uint64_t unix_s) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<time_t>(unix_s)));
}

}  // namespace postern
