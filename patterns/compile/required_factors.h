// Which grams a text must show before an expression can match in it.
//
// Theory of operation. The expression's automaton is unrolled so that each state knows the last
// symbols taken; a step that completes a gram bears it. Every way from the start to acceptance is a
// match, and a set of grams that cuts all ways is a factor: each match shows one of them. The set
// that occurs least in ordinary text is the minimum cut, the grams' rates being the capacities
// (Ford and Fulkerson; found with Dinic's algorithm). A second and a third factor come from cutting
// again without the grams of those before. A step over a class of many symbols forgets what came
// before it: it bears only the shorter gram that ends there.
#pragma once

#include <cstdint>
#include <vector>

#include "patterns/artefact/artefact.h"
#include "patterns/compile/expression_tree.h"
#include "patterns/compile/gram_rates.h"

namespace postern::compile {

struct RequiredFactor {
  std::vector<artefact::Gram> grams;  // ascending
  uint32_t least = 1;                 // as artefact::Factor
  uint32_t reach = artefact::kNone;   // as artefact::Factor
  double rate = 0;                    // occurrences expected in each byte of text
};

// First, where there is one, a factor near the beginning of each match, which tells where to look;
// then the rarest first. None when no set of grams is rare enough to be of use.
std::vector<RequiredFactor> required_factors(const ExpressionTree& tree, const GramRates& rates);

}  // namespace postern::compile
