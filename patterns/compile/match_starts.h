// With which symbols the matches of an expression begin.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "patterns/artefact/artefact.h"
#include "patterns/compile/expression_tree.h"

namespace postern::compile {

// The first three symbols of each match and of what may follow a shorter one; nothing when a match
// may be empty, or begin with nearly anything. `expression` is for the caller to fill in.
std::optional<artefact::MatchStarts> match_starts(const ExpressionTree& tree);

// The share of the symbols of `elements` at which a match can begin, 0 to 1.
double share_of_starts(const artefact::MatchStarts& starts, std::span<const std::string> elements);

}  // namespace postern::compile
