// Orders the metas of a rule set and turns them into code.
//
// SpamAssassin evaluates a meta once all its rules are known, and never runs a meta whose score is
// 0; metas that build on one that was not run are not run either, whatever they ask of it. That is
// kept here: such metas are off. A rule that was not run, or that exists only where an `if` is
// false, counts as 0.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "patterns/artefact/artefact.h"
#include "patterns/language/rule.h"

namespace postern::compile {

struct MetaCode {
  std::vector<artefact::Meta> metas;  // in order of evaluation
  std::vector<uint32_t> off;          // metas that are never run
};

// `rules` have no circles (the reader refuses them). The error names a meta that is too deep.
std::expected<MetaCode, std::string> order_metas(const std::vector<language::Rule>& rules);

}  // namespace postern::compile
