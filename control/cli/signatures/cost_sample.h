// Messages of the operator's own as the text on which compilations measure costs.
//
// Theory of operation. The MIME reader renders each message, and every element that a rule of some
// target would be matched against draws a lot; of each target those with the lowest are kept, up to
// its cap. So the memory is bounded whatever there is to read, each message is in the sample with a
// share like that of its text, and elements of one message do not lie together. The random numbers
// begin alike each time: the same messages give the same sample, and the cache knows it again.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "patterns/compile/placement.h"

namespace postern::cli {

inline constexpr uint64_t kSampleBytes = 128 << 10;  // of each target
inline constexpr uint64_t kSampleBytesOfMessage =
    16 << 10;                                           // likewise, of what one message begins with
inline constexpr uint64_t kLeastSampleBytes = 2 << 10;  // with less, a target's costs say nothing
inline constexpr size_t kSampleFiles = 2000;            // of more, evenly spread ones are read

struct CostSample {
  compile::Sample texts;  // of those targets of which there is enough
  size_t messages = 0;
};

// Of the messages in these folders (and in those below them) or files. What is no message is told
// on standard error and left out. The error says what to do.
std::expected<CostSample, std::string> take_cost_sample(const std::vector<std::string>& folders);

}  // namespace postern::cli
