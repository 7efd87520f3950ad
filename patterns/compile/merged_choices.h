// An expression's tree with choices made small, as far as texts folded to symbols can tell.
//
// Theory of operation. The ways to write a letter (replace_tag) are a hundred octet sequences, and
// an expression of a hundred letters has more states than an automaton may. To symbols
// (artefact/gram.h) they are a few: octets beyond ASCII are all one symbol, and runs of it one. So
// every class becomes that of its symbols, equal neighbours of which runs count once become one,
// and alternatives that are sequences of classes are merged when they differ in one place, or one
// covers the other. What the tree matches, folded, stays the same.
#pragma once

#include "patterns/compile/expression_tree.h"

namespace postern::compile {

ExpressionTree merged_choices(const ExpressionTree& tree);

}  // namespace postern::compile
