// Where the cycles of a whole message go, by stage (dataplane/stage.h).
#pragma once

#include <expected>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/row.h"

namespace postern::bench {

// Names of the rows that measure_cycles() makes of one of whole messages.
std::vector<std::string> cycle_names(const Row& whole);

// For a row of whole messages: `cycles.total` and one row for each stage, whose sum is the total.
// A thread on another core looks every few ten microseconds which stage the pass is in; cycles are
// those of the time stamp counter. One JSON object a row (bench/README.md).
std::expected<std::vector<nlohmann::ordered_json>, std::string> measure_cycles(
    const Row& whole, const Effort& effort);

}  // namespace postern::bench
