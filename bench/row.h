// Rows of the report: what is measured, side by side with what it is compared with.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/replay.h"

namespace postern::bench {

struct Row {
  std::string name;               // "whole.mail.outbound.64"
  std::string what;               // a person's words
  std::string unit;               // "messages" or "frames"
  std::string input;              // of the report's inputs
  std::string set;                // of the report's sets; empty: none
  uint32_t open_connections = 0;  // 0: none
  std::string compared_with;      // name of a row measured together with this one; empty: nothing
  double units_per_pass = 0;
  double octets_per_pass = 0;  // of messages, or of frames
  std::function<std::expected<Pass, std::string>()> pass;
};

struct Effort {
  int repetitions = 5;
  double seconds = 0.25;  // of each repetition of each row; one pass when that takes longer
};

// Measures rows in turns, so that what disturbs one disturbs those it is compared with: each row
// once to warm up, then all of them `repetitions` times. One JSON object a row (bench/README.md).
// The error says which row's counts are wrong.
std::expected<std::vector<nlohmann::ordered_json>, std::string> measure(
    const std::vector<Row>& rows, const Effort& effort);

}  // namespace postern::bench
