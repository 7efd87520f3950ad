// How each expression is to be searched for.
//
// Theory of operation. Most expressions of a large set never match in most mail, and Hyperscan pays
// for all of them with every byte. A factored expression costs next to nothing until all of its
// factors (required_factors.h) were seen in one element. So each one is factored unless its factors
// are so common that Hyperscan, or PCRE2 alone, is cheaper, all costs taken for a sample of
// ordinary text (expression_cost.h). A group in which Hyperscan is cheaper for all together is left
// to it. What is dear and can wait has a database of its own, which is run when it is asked for.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "patterns/compile/cache.h"
#include "patterns/compile/expression_cost.h"
#include "patterns/compile/match_starts.h"
#include "patterns/compile/required_factors.h"
#include "patterns/language/rule.h"

namespace postern::compile {

// An expression to be placed. What it points to outlives the placement.
struct Searched {
  const language::Regexp* regexp = nullptr;
  HyperscanForm form;
  bool expressible = false;  // by Hyperscan, as a prefilter at least
  language::Target target = language::Target::kBody;
  uint32_t group = 0;     // those with the same are searched for in the same text
  bool can_wait = false;  // a sub-rule's: whether it matches is not asked in every message
};

struct Placement {
  enum class Engine : uint8_t { kHyperscan, kFactored, kPcre2 } engine = Engine::kHyperscan;
  std::vector<RequiredFactor> factors;          // kFactored
  std::optional<artefact::MatchStarts> starts;  // kFactored
  double cost_ns = 0;                           // for each byte of text, of the engine chosen
  std::optional<double> other_ns;               // of the other one, if it was measured
  bool alone = false;                           // kHyperscan: in a database of its own
  std::string why;
  bool was_cached = false;  // all that was to be found out
};

// Elements of each target, as the data plane would tell them.
using Sample = std::map<language::Target, std::vector<std::string>>;

enum class Factoring : uint8_t {
  kByCost,
  kNever,   // everything to Hyperscan that it can have
  kAlways,  // whatever has factors, and what has none alone where it can wait: for tests
};

struct PlacementOptions {
  Factoring factoring = Factoring::kByCost;
  unsigned trial_seconds = 5;
  unsigned at_once = 1;          // threads, and child processes
  const Cache* cache = nullptr;  // none: everything is found out anew
};

// In the order of `expressions`. The calling process has no other thread meanwhile.
std::vector<Placement> place(std::span<const Searched> expressions, const Sample& sample,
                             const PlacementOptions& options);

}  // namespace postern::compile
