// What the commands of this room leave behind for the shell; what else they mean is said beside
// them.
#pragma once

#include <cstdio>
#include <string_view>

#include <fmt/format.h>

namespace postern::cli {

inline constexpr int kDone = 0;
inline constexpr int kInputError = 2;  // files that cannot be read, or are not what they should be

// Says on standard error what is wrong; kInputError.
inline int fail(std::string_view what) {
  fmt::print(stderr, "postern: {}\n", what);
  return kInputError;
}

}  // namespace postern::cli
