// What taking a signature set costs a worker that has traffic.
#pragma once

#include <expected>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "bench/row.h"

namespace postern::bench {

struct SwapArguments {
  std::string set, other;  // two files of the same rules
  std::string folder;      // of *.eml
  size_t messages = 0;
  Effort effort;
};

// Replays recorded connections while the one set takes the other's place again and again, messages
// being under way on both, and times each taking. All counts must be those of the recordings: no
// frame lost, no message unscanned. "longest_us" and "middle_us" of each pass, "swaps" in a pass,
// "messages".
std::expected<nlohmann::ordered_json, std::string> measure_swap(const SwapArguments& arguments);

}  // namespace postern::bench
