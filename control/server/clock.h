// The wall clock, as the records have it: since the Unix epoch.
#pragma once

#include <chrono>
#include <cstdint>

namespace postern::server {

inline uint64_t unix_s(std::chrono::system_clock::time_point time) {
  using std::chrono::duration_cast;
  return static_cast<uint64_t>(
      duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
}
inline uint64_t unix_s() { return unix_s(std::chrono::system_clock::now()); }

inline uint64_t unix_ms() {
  using std::chrono::duration_cast;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(duration_cast<std::chrono::milliseconds>(now).count());
}

}  // namespace postern::server
