#include "patterns/compile/match_starts.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "patterns/compile/symbol_automaton.h"

namespace postern::compile {
namespace {

using artefact::is_folded_run;
using artefact::kSymbols;

constexpr uint32_t kAnything = UINT32_MAX;  // the symbol that stands for a text's end included
constexpr double kUseless = 0.5;            // of all beginnings

// Sets of states of the automaton, all reached by the same symbols.
class StateSets {
 public:
  explicit StateSets(const SymbolAutomaton& automaton)
      : automaton_(automaton), closures_(closures(automaton)), seen_(automaton.states.size()) {}

  using Set = std::vector<uint32_t>;

  Set start() {
    Set out;
    ++round_;
    add_closure(0, out);
    return out;
  }

  // Where `symbol` leads to, a run of it counting once.
  Set after(const Set& from, uint32_t symbol) {
    Set out;
    ++round_;
    add_steps(from, symbol, out);
    if (!is_folded_run(symbol)) return out;
    for (size_t i = 0; i < out.size(); ++i) add_step(out[i], symbol, out);
    return out;
  }

  bool accepts(const Set& set) const {
    return std::ranges::find(set, automaton_.accept) != set.end();
  }

  uint32_t symbols_of(const Set& set) const {
    uint32_t symbols = 0;
    for (const uint32_t state : set) {
      for (const auto& step : automaton_.states[state].steps) symbols |= step.symbols;
    }
    return symbols;
  }

 private:
  void add_closure(uint32_t state, Set& out) {
    for (const uint32_t reached : closures_[state]) {
      if (seen_[reached] == round_) continue;
      seen_[reached] = round_;
      out.push_back(reached);
    }
  }
  void add_step(uint32_t state, uint32_t symbol, Set& out) {
    for (const auto& step : automaton_.states[state].steps) {
      if (step.symbols >> symbol & 1) add_closure(step.to, out);
    }
  }
  void add_steps(const Set& from, uint32_t symbol, Set& out) {
    for (const uint32_t state : from) add_step(state, symbol, out);
  }

  const SymbolAutomaton& automaton_;
  const std::vector<std::vector<uint32_t>> closures_;
  std::vector<uint32_t> seen_;  // by state, the last round in which it was added
  uint32_t round_ = 0;
};

// Of all 31 × 31 × 31 beginnings, the share that is in the set.
double share_of_all(const artefact::MatchStarts& starts) {
  double bits = 0;
  for (const auto& seconds : starts.thirds) {
    for (const uint32_t thirds : seconds) bits += std::popcount(thirds);
  }
  return bits / (kSymbols * kSymbols * kSymbols);
}

}  // namespace

std::optional<artefact::MatchStarts> match_starts(const ExpressionTree& tree) {
  const auto automaton = symbol_automaton(tree);
  if (!automaton) return {};
  StateSets sets(*automaton);
  const StateSets::Set start = sets.start();
  if (sets.accepts(start)) return {};
  artefact::MatchStarts out;
  out.first = sets.symbols_of(start);
  for (uint32_t left = out.first; left != 0; left &= left - 1) {
    const StateSets::Set one = sets.after(start, static_cast<uint32_t>(std::countr_zero(left)));
    auto& thirds = out.thirds.emplace_back();
    if (sets.accepts(one)) {
      thirds.fill(kAnything);
      continue;
    }
    for (uint32_t rest = sets.symbols_of(one); rest != 0; rest &= rest - 1) {
      const auto symbol = static_cast<uint32_t>(std::countr_zero(rest));
      const StateSets::Set two = sets.after(one, symbol);
      thirds[symbol] = sets.accepts(two) ? kAnything : sets.symbols_of(two);
    }
  }
  if (share_of_all(out) > kUseless) return {};
  return out;
}

double share_of_starts(const artefact::MatchStarts& starts, std::span<const std::string> elements) {
  size_t all = 0, can_begin = 0;
  for (const std::string& element : elements) {
    artefact::SymbolFold fold;
    for (const char c : element) {
      if (!fold.take(static_cast<uint8_t>(c))) continue;
      ++all;
      can_begin += artefact::can_begin(starts, fold.last_four()) ? 1 : 0;
    }
  }
  return all == 0 ? 1 : static_cast<double>(can_begin) / static_cast<double>(all);
}

}  // namespace postern::compile
