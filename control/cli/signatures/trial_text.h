// A trial's figures for a person, and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "control/cli/signatures/trial.h"
#include "control/cli/signatures/trial_figures.h"

namespace postern::cli {

struct Report {
  const Trial& trial;
  const Figures& figures;
  const scan::SignatureSet& set;
  std::vector<bool> off;  // by rule: cannot run, or has a score of 0
  unsigned jobs = 1;
};

// Lists end after `most` lines and say how many are left. `all`: no list ends, and rules without a
// hit and sub-rules are listed, too.
std::string to_text(const Report& report, size_t most, bool all);
// postern(1) describes it.
nlohmann::json to_json(const Report& report);

}  // namespace postern::cli
