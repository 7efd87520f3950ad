// What Hyperscan makes of expressions one by one, found out where it can do no harm.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "patterns/compile/expression_cost.h"

namespace postern::compile {

struct Trial {
  const HyperscanForm* form = nullptr;
  const SampleText* sample = nullptr;
};

struct TrialResult {
  std::optional<double> cost;  // nothing: it does not compile, or not in time
  // Hyperscan said so, or the time was over. Otherwise the machine was at fault (the child died or
  // had too little memory), and another trial may differ.
  bool is_final = false;
};

// The cost of each form (hyperscan_cost), found in child processes of which `at_once` run at a
// time; nothing for one that does not compile within `seconds` of processor time: a few expressions
// take Hyperscan half a minute. The calling process has no other thread meanwhile.
std::vector<TrialResult> try_hyperscan(std::span<const Trial> trials, unsigned seconds,
                                       unsigned at_once);

}  // namespace postern::compile
