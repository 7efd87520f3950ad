// Points in time as programs write them.
#pragma once

#include <cstdint>
#include <string>

namespace postern {

// "2026-11-22T11:27:20Z" (RFC 3339).
std::string utc_time(uint64_t unix_s);

}  // namespace postern
