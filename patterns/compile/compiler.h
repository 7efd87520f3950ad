// Compiles a rule set into an artefact.
//
// Theory of operation. Every expression is classed: native (Hyperscan's hit is the rule's hit),
// confirmed (Hyperscan finds candidates, PCRE2 decides within the element) or PCRE2 alone
// (Hyperscan cannot express it, or takes too long to compile it). The expressions of one target
// make one Hyperscan database in block mode; for headers each selector ("Subject", "From:addr",
// "ALL") has its own, so that a value meets only the rules that ask for it. Metas become postfix
// code in order of evaluation. The same rules give the same artefact on the same platform, byte for
// byte.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "patterns/artefact/artefact.h"
#include "patterns/language/rule.h"

namespace postern::compile {

struct CompileOptions {
  std::string compiler = "postern";       // into the provenance
  uint32_t suspicious_repetitions = 300;  // expressions with more are tried alone first
  unsigned trial_seconds = 5;
};

struct NotRun {
  std::string rule;
  std::string why;
};

struct CompileReport {
  uint32_t rules = 0;
  uint32_t sub_rules = 0;
  uint32_t metas = 0;
  uint32_t native = 0;
  uint32_t confirmed = 0;
  uint32_t pcre2_alone = 0;
  std::vector<NotRun> not_run;
};

struct Compiled {
  artefact::Artefact artefact;
  CompileReport report;
};

// The error says what to do. One thread (see trial.h).
std::expected<Compiled, std::string> compile(const language::RuleSet& rules,
                                             const CompileOptions& options);

}  // namespace postern::compile
