// Compiles a rule set into an artefact.
//
// Theory of operation. Every expression is classed: native (Hyperscan's hit is the rule's hit),
// confirmed (Hyperscan finds candidates, PCRE2 decides within the element), factored (PCRE2 decides
// where all factors of the expression were seen) or PCRE2 alone. placement.h decides by cost. The
// expressions of one target that are left to Hyperscan make one database in block mode; for headers
// each selector ("Subject", "From:addr", "ALL") has its own, so that a value meets only the rules
// that ask for it. Metas become postfix code in order of evaluation. Costs are measured, so two
// compilations may place an expression differently where both ways cost the same; what a set hits
// does not depend on it. With a cache (cache.h) the same rules give the same octets.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "patterns/artefact/artefact.h"
#include "patterns/compile/placement.h"
#include "patterns/language/rule.h"

namespace postern::compile {

struct CompileOptions {
  std::string compiler = "postern";  // into the provenance
  PlacementOptions placement;
  Sample sample;  // of targets that it lacks, default_sample() is taken
};

struct NotRun {
  std::string rule;
  std::string why;
};

// How a rule's expression is searched for.
struct ExpressionReport {
  std::string rule;
  artefact::ExpressionClass kind = artefact::ExpressionClass::kNative;
  double cost_ns = 0;                // for each byte of sample text
  std::optional<double> other_ns;    // by the engine not chosen, if it was measured
  std::vector<std::string> factors;  // grams of each, as text
  std::string why;
};

struct CompileReport {
  uint32_t rules = 0;
  uint32_t sub_rules = 0;
  uint32_t metas = 0;
  uint32_t native = 0;
  uint32_t confirmed = 0;
  uint32_t pcre2_alone = 0;
  uint32_t factored = 0;
  uint32_t cached = 0;            // expressions of which all was known
  uint32_t cached_databases = 0;  // the same of the groups' databases
  uint32_t trials_failed = 0;     // expressions that Hyperscan could not be tried with: no memory
  std::vector<NotRun> not_run;
  std::vector<ExpressionReport> expressions;
};

struct Compiled {
  artefact::Artefact artefact;
  CompileReport report;
};

// The error says what to do. One thread besides those it starts itself.
std::expected<Compiled, std::string> compile(const language::RuleSet& rules,
                                             const CompileOptions& options);

}  // namespace postern::compile
