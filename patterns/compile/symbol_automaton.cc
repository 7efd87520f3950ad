#include "patterns/compile/symbol_automaton.h"

#include <algorithm>
#include <bit>

#include "patterns/artefact/gram.h"
#include "patterns/compile/merged_choices.h"
#include "patterns/compile/strong_components.h"

namespace postern::compile {
namespace {

using Kind = ExpressionTree::Kind;

constexpr size_t kMostStates = 20'000;
constexpr uint32_t kMostCopies = 8;    // of what must be there several times
constexpr uint32_t kFewCopies = 3;     // where an automaton of more would be too large
constexpr uint32_t kMostOptional = 3;  // copies of what may be; beyond, an endless loop
constexpr uint32_t kLongestReach = 4096;

uint32_t symbols_of(const std::bitset<256>& bytes) {
  uint32_t symbols = 0;
  for (size_t c = 0; c < bytes.size(); ++c) {
    if (bytes[c]) symbols |= 1U << artefact::kSymbolOf[c];
  }
  return symbols;
}

// Whether the class folds to one symbol of which a run counts once.
bool is_one_run(const ExpressionTree& tree) {
  if (tree.kind == Kind::kSequence && tree.parts.size() == 1) return is_one_run(tree.parts[0]);
  if (tree.kind != Kind::kClass) return false;
  const uint32_t symbols = symbols_of(tree.bytes);
  return std::has_single_bit(symbols) &&
         artefact::is_folded_run(static_cast<uint32_t>(std::countr_zero(symbols)));
}

// Symbols that a match of the tree takes, kLongestReach at most.
uint64_t longest(const ExpressionTree& tree) {
  uint64_t symbols = 0;
  switch (tree.kind) {
    case Kind::kEmpty:
      break;
    case Kind::kClass:
      return 1;
    case Kind::kAnything:
      return kLongestReach;
    case Kind::kSequence:
      for (const ExpressionTree& part : tree.parts) symbols += longest(part);
      break;
    case Kind::kChoice:
      for (const ExpressionTree& part : tree.parts) symbols = std::max(symbols, longest(part));
      break;
    case Kind::kRepeat:
      symbols = is_one_run(tree.parts[0])
                    ? 1
                    : longest(tree.parts[0]) * tree.most;  // kNoBound fits, and is cut off
      break;
  }
  return std::min<uint64_t>(symbols, kLongestReach);
}

class Builder {
 public:
  explicit Builder(uint32_t most_copies) : most_copies_(most_copies) {}

  std::optional<SymbolAutomaton> build(const ExpressionTree& tree) {
    add_state();
    out_.accept = extend(tree, 0);
    if (out_.states.size() > kMostStates) return {};
    measure_reach();
    return std::move(out_);
  }

 private:
  uint32_t add_state() {
    out_.states.emplace_back();
    return static_cast<uint32_t>(out_.states.size() - 1);
  }
  void join(uint32_t from, uint32_t to, uint32_t symbols = 0, bool back = false) {
    out_.states[from].free.push_back({to, symbols, back});
  }

  // The state after what `tree` matches from `from` on.
  uint32_t extend(const ExpressionTree& tree, uint32_t from) {
    if (out_.states.size() > kMostStates) return from;
    switch (tree.kind) {
      case Kind::kEmpty:
        return from;
      case Kind::kAnything: {
        const uint32_t loop = add_state();
        join(from, loop);
        out_.states[loop].steps.push_back({loop, (1U << artefact::kSymbols) - 1});
        return loop;
      }
      case Kind::kClass: {
        const uint32_t next = add_state();
        if (const uint32_t symbols = symbols_of(tree.bytes); symbols != 0) {
          out_.states[from].steps.push_back({next, symbols});
        }
        return next;
      }
      case Kind::kSequence:
        for (const ExpressionTree& part : tree.parts) from = extend(part, from);
        return from;
      case Kind::kChoice: {
        const uint32_t end = add_state();
        for (const ExpressionTree& part : tree.parts) {
          const uint32_t begin = add_state();
          join(from, begin);
          join(extend(part, begin), end);
        }
        return end;
      }
      case Kind::kRepeat:
        return repeat(tree, from);
    }
    return from;
  }

  uint32_t repeat(const ExpressionTree& tree, uint32_t from) {
    const ExpressionTree& part = tree.parts[0];
    const uint32_t copies = std::min(tree.least, most_copies_);
    for (uint32_t i = 0; i < copies; ++i) from = extend(part, from);
    if (tree.most <= copies) return from;
    const bool is_endless =
        tree.most == ExpressionTree::kNoBound || tree.most - copies > kMostOptional;
    if (is_endless) {
      const uint64_t symbols = is_one_run(part) ? 1
                               : tree.most == ExpressionTree::kNoBound
                                   ? kLongestReach
                                   : longest(part) * (tree.most - copies);
      const bool bounded = symbols < kLongestReach;
      const uint32_t loop = add_state();
      join(from, loop, bounded ? static_cast<uint32_t>(symbols) : 0);
      join(extend(part, loop), loop, 0, bounded);
      return loop;
    }
    const uint32_t end = add_state();
    join(from, end);
    for (uint32_t i = copies; i < tree.most; ++i) {
      const uint32_t begin = add_state();
      join(from, begin);
      from = extend(part, begin);
      join(from, end);
    }
    return end;
  }

  // The longest way to each state. States on a circle, and behind one, have no bound.
  void measure_reach() {
    const auto successor = [&](uint32_t state, size_t& i) -> std::optional<uint32_t> {
      const auto& from = out_.states[state];
      if (i < from.steps.size()) return from.steps[i].to;
      while (i - from.steps.size() < from.free.size()) {
        const auto& free = from.free[i - from.steps.size()];
        if (!free.back) return free.to;
        ++i;
      }
      return {};
    };
    const auto components = strong_components(out_.states.size(), successor);
    for (size_t i = components.size(); i-- > 0;) settle(components[i]);
  }

  void settle(const std::vector<uint32_t>& component) {
    bool circle = component.size() > 1;
    for (const auto& step : out_.states[component[0]].steps) circle |= step.to == component[0];
    for (const uint32_t state : component) {
      auto& from = out_.states[state];
      if (circle) from.reach = SymbolAutomaton::kFar;
      const auto raise = [&](uint32_t to, uint32_t symbols) {
        uint32_t& reach = out_.states[to].reach;
        const bool far = from.reach >= kLongestReach || reach == SymbolAutomaton::kFar;
        reach = far ? SymbolAutomaton::kFar : std::max(reach, from.reach + symbols);
      };
      for (const auto& step : from.steps) raise(step.to, 1);
      for (const auto& free : from.free) {
        if (!free.back) raise(free.to, free.symbols);
      }
    }
  }

  const uint32_t most_copies_;
  SymbolAutomaton out_;
};

}  // namespace

std::optional<SymbolAutomaton> symbol_automaton(const ExpressionTree& tree) {
  if (auto automaton = Builder(kMostCopies).build(tree)) return automaton;
  const ExpressionTree merged = merged_choices(tree);
  for (const uint32_t copies : {kMostCopies, kFewCopies, 1U}) {
    if (auto automaton = Builder(copies).build(merged)) return automaton;
  }
  return {};
}

std::vector<std::vector<uint32_t>> closures(const SymbolAutomaton& automaton) {
  const auto& states = automaton.states;
  std::vector<std::vector<uint32_t>> out(states.size());
  std::vector<uint32_t> seen(states.size(), UINT32_MAX), waiting;
  for (uint32_t from = 0; from < states.size(); ++from) {
    waiting.assign(1, from);
    seen[from] = from;
    while (!waiting.empty()) {
      const uint32_t state = waiting.back();
      waiting.pop_back();
      if (!states[state].steps.empty() || state == automaton.accept) out[from].push_back(state);
      for (const auto& free : states[state].free) {
        if (seen[free.to] == from) continue;
        seen[free.to] = from;
        waiting.push_back(free.to);
      }
    }
  }
  return out;
}

}  // namespace postern::compile
