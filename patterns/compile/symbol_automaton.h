// What an expression matches, as an automaton over the symbols of artefact/gram.h.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "patterns/compile/expression_tree.h"

namespace postern::compile {

struct SymbolAutomaton {
  struct Step {
    uint32_t to = 0;
    uint32_t symbols = 0;  // bit set of those that it may take
  };
  // To a state that is reached without taking anything.
  struct Free {
    uint32_t to = 0;
    uint32_t symbols = 0;  // that bounded rounds from there on may take in all
    bool back = false;     // to the next of them
  };
  struct State {
    std::vector<Step> steps;
    std::vector<Free> free;
    // Symbols from the start of a match to here at most, runs counted once; kFar: no bound is
    // known.
    uint32_t reach = 0;
  };
  static constexpr uint32_t kFar = UINT32_MAX;

  std::vector<State> states;  // the first is the start
  uint32_t accept = 0;
};

// It accepts at least what the tree does: repeats of many are taken for endless ones, but for their
// length, and of too many ways to write a letter those that differ in symbols count. Nothing when
// it would be too large.
std::optional<SymbolAutomaton> symbol_automaton(const ExpressionTree& tree);

// For each state those with something to do that are reached without taking anything: with steps,
// or the one that accepts.
std::vector<std::vector<uint32_t>> closures(const SymbolAutomaton& automaton);

}  // namespace postern::compile
