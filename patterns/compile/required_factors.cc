#include "patterns/compile/required_factors.h"

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "patterns/compile/strong_components.h"
#include "patterns/compile/symbol_automaton.h"

namespace postern::compile {
namespace {

using artefact::Gram;
using artefact::kGramSymbols;
using artefact::kSymbolBits;
using artefact::kSymbolMask;

constexpr size_t kMostStates = 150'000;
constexpr size_t kMostNearStates = 600'000;
constexpr size_t kMostSteps = 1'500'000;
constexpr size_t kMostGrams = 1000;     // of one factor
constexpr int kMostSymbolsOfClass = 8;  // a class of more forgets what came before it
constexpr double kUselessRate = 0.1;    // a factor that occurs every ten bytes
constexpr double kGramCost = 1e-7;      // as a rate: what each gram costs by being there
// What a confirmation costs for each byte that it looks at, beside what it costs anyway.
constexpr double kCostOfByte = 0.04;
constexpr uint32_t kNear = 12;         // symbols
constexpr double kWholeElement = 300;  // bytes looked at where nothing tells where a match begins

constexpr Gram kNoGram = UINT32_MAX;

// A network of capacities (Dinic, Soviet Math. Doklady 11, 1970).
class Network {
 public:
  static constexpr double kUncuttable = 1e9;

  explicit Network(size_t nodes) : out_(nodes) {}

  void connect(uint32_t from, uint32_t to, double capacity, size_t step) {
    out_[from].push_back(static_cast<uint32_t>(pipes_.size()));
    pipes_.push_back({to, capacity, step});
    out_[to].push_back(static_cast<uint32_t>(pipes_.size()));
    pipes_.push_back({from, 0, kBackward});
  }

  // Fills the network up. False: nothing cuts `source` from `sink`.
  bool saturate(uint32_t source, uint32_t sink) {
    double flow = 0;
    while (find_levels(source, sink)) {
      next_.assign(out_.size(), 0);
      while (const double pushed = push(source, sink, kUncuttable)) {
        flow += pushed;
        if (flow >= kUncuttable / 2) return false;
      }
    }
    return true;
  }

  // The steps from what the source still reaches to what it does not: the minimum cut.
  template <typename Take>
  void for_each_cut(Take&& take) const {
    for (size_t node = 0; node < out_.size(); ++node) {
      if (level_[node] < 0) continue;
      for (const uint32_t pipe : out_[node]) {
        if (pipes_[pipe].step != kBackward && level_[pipes_[pipe].to] < 0) take(pipes_[pipe].step);
      }
    }
  }

 private:
  static constexpr size_t kBackward = SIZE_MAX;
  static constexpr double kNothing = 1e-12;
  struct Pipe {
    uint32_t to;
    double room;
    size_t step;
  };

  bool find_levels(uint32_t source, uint32_t sink) {
    level_.assign(out_.size(), -1);
    level_[source] = 0;
    std::deque<uint32_t> waiting{source};
    while (!waiting.empty()) {
      const uint32_t node = waiting.front();
      waiting.pop_front();
      for (const uint32_t pipe : out_[node]) {
        const Pipe& p = pipes_[pipe];
        if (p.room <= kNothing || level_[p.to] >= 0) continue;
        level_[p.to] = level_[node] + 1;
        waiting.push_back(p.to);
      }
    }
    return level_[sink] >= 0;
  }

  // One way from source to sink along rising levels, without recursion: ways can be long.
  double push(uint32_t source, uint32_t sink, double most) {
    std::vector<uint32_t> way;
    for (uint32_t node = source; node != sink;) {
      uint32_t& i = next_[node];
      while (i < out_[node].size()) {
        const Pipe& p = pipes_[out_[node][i]];
        if (p.room > kNothing && level_[p.to] == level_[node] + 1) break;
        ++i;
      }
      if (i < out_[node].size()) {
        way.push_back(out_[node][i]);
        node = pipes_[way.back()].to;
        continue;
      }
      if (way.empty()) return 0;
      node = pipes_[way.back() ^ 1].to;
      way.pop_back();
      ++next_[node];
    }
    for (const uint32_t pipe : way) most = std::min(most, pipes_[pipe].room);
    for (const uint32_t pipe : way) {
      pipes_[pipe].room -= most;
      pipes_[pipe ^ 1].room += most;
    }
    return most;
  }

  std::vector<std::vector<uint32_t>> out_;
  std::vector<Pipe> pipes_;  // each beside its backward one
  std::vector<int> level_;
  std::vector<uint32_t> next_;
};

// The automaton with the symbols taken last in its states.
class Unrolled {
 public:
  struct Step {
    uint32_t from;
    uint32_t to;
    Gram gram;
    bool takes = false;  // a symbol that counts
    uint32_t reach = 0;  // symbols from the match's start to the gram's last at most
  };

  Unrolled(const SymbolAutomaton& automaton, uint32_t gram_symbols)
      : automaton_(automaton), gram_symbols_(gram_symbols), closures_(closures(automaton)) {}

  // False: too large.
  bool unroll() {
    find(0, 0, 0);
    for (uint32_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_.size() > kMostStates || steps_.size() > kMostSteps) return false;
      const Node node = nodes_[i];
      for (const uint32_t state : closures_[node.state]) {
        if (state == automaton_.accept) accept(i);
        for (const auto& step : automaton_.states[state].steps) take(i, step);
      }
    }
    measure_reach();
    return true;
  }

  static constexpr uint32_t kSink = UINT32_MAX;
  // Those of a node beside each other, from begin(node) to begin(node + 1).
  const std::vector<Step>& steps() const { return steps_; }
  size_t begin(uint32_t node) const { return begin_[node]; }
  size_t nodes() const { return nodes_.size(); }

 private:
  struct Node {
    uint32_t state;
    uint32_t symbols;
    uint32_t length;
  };

  uint32_t find(uint32_t state, uint32_t symbols, uint32_t length) {
    const uint64_t key = uint64_t{state} << 32 | uint64_t{length} << 28 | symbols;
    const auto [entry, is_new] = index_.emplace(key, static_cast<uint32_t>(nodes_.size()));
    if (is_new) nodes_.push_back({state, symbols, length});
    return entry->second;
  }

  // What was taken up to this node, where it is no whole gram: those before were on its way
  // already.
  Gram short_gram(const Node& node) const {
    if (node.length == 0 || node.length >= gram_symbols_) return kNoGram;
    return artefact::make_gram(node.symbols, node.length);
  }

  void accept(uint32_t from) { steps_.push_back({from, kSink, short_gram(nodes_[from])}); }

  void take(uint32_t from, const SymbolAutomaton::Step& step) {
    const Node node = nodes_[from];
    if (__builtin_popcount(step.symbols) > kMostSymbolsOfClass) {
      steps_.push_back({from, find(step.to, 0, 0), short_gram(node), true});
      return;
    }
    for (uint32_t left = step.symbols; left != 0; left &= left - 1) {
      const auto symbol = static_cast<uint32_t>(__builtin_ctz(left));
      if (node.length > 0 && (node.symbols & kSymbolMask) == symbol &&
          artefact::is_folded_run(symbol)) {  // the run goes on
        steps_.push_back({from, find(step.to, node.symbols, node.length), kNoGram});
        continue;
      }
      const uint32_t symbols = node.symbols << kSymbolBits | symbol;
      const uint32_t length = std::min(node.length + 1, gram_symbols_);
      const bool whole = length == gram_symbols_;
      const uint32_t kept = whole ? gram_symbols_ - 1 : length;
      const uint32_t to = find(step.to, symbols & ((1U << kept * kSymbolBits) - 1), kept);
      steps_.push_back({from, to, whole ? artefact::make_gram(symbols, length) : kNoGram, true});
    }
  }

  // As the automaton measures it, and closer: what leads here is known better by the symbols taken
  // last, and a run that goes on takes nothing.
  void measure_reach() {
    std::ranges::stable_sort(steps_, {}, &Step::from);
    std::vector<size_t>& begin = begin_;
    begin.assign(nodes_.size() + 1, steps_.size());
    for (size_t i = steps_.size(); i-- > 0;) begin[steps_[i].from] = i;
    for (size_t node = nodes_.size(); node-- > 0;)
      begin[node] = std::min(begin[node], begin[node + 1]);
    const auto components =
        strong_components(nodes_.size(), [&](uint32_t node, size_t& i) -> std::optional<uint32_t> {
          while (begin[node] + i < begin[node + 1]) {
            if (const uint32_t to = steps_[begin[node] + i].to; to != kSink) return to;
            ++i;
          }
          return {};
        });
    std::vector<uint32_t> number(nodes_.size()), reach(nodes_.size(), 0);
    for (uint32_t c = 0; c < components.size(); ++c) {
      for (const uint32_t node : components[c]) number[node] = c;
    }
    for (size_t c = components.size(); c-- > 0;) {
      uint32_t furthest = 0;
      bool circle = false;
      for (const uint32_t node : components[c]) {
        furthest = std::max(furthest, reach[node]);
        for (size_t i = begin[node]; i < begin[node + 1]; ++i) {
          circle |= steps_[i].takes && steps_[i].to != kSink && number[steps_[i].to] == c;
        }
      }
      for (const uint32_t node : components[c]) {
        const uint32_t known = automaton_.states[nodes_[node].state].reach;
        reach[node] = circle ? known : std::min(known, furthest);
      }
      for (const uint32_t node : components[c]) {
        for (size_t i = begin[node]; i < begin[node + 1]; ++i) {
          Step& step = steps_[i];
          const bool far = reach[node] == SymbolAutomaton::kFar;
          const bool ends_here =
              step.gram != kNoGram && artefact::length_of(step.gram) == gram_symbols_;
          step.reach = far ? SymbolAutomaton::kFar : reach[node] + (ends_here ? 1 : 0);
          if (step.to == kSink || number[step.to] == c) continue;
          const uint32_t there = far ? SymbolAutomaton::kFar : reach[node] + (step.takes ? 1 : 0);
          reach[step.to] = std::max(reach[step.to], there);
        }
      }
    }
  }

  const SymbolAutomaton& automaton_;
  const uint32_t gram_symbols_;
  const std::vector<std::vector<uint32_t>> closures_;
  std::vector<Node> nodes_;
  std::vector<Step> steps_;
  std::vector<size_t> begin_;
  std::unordered_map<uint64_t, uint32_t> index_;
};

bool is_bounded(const Unrolled::Step& step) {
  return artefact::length_of(step.gram) > 1 && step.reach != SymbolAutomaton::kFar;
}

double cost_of_sight(const Unrolled::Step& step) {
  const double looked_at =
      is_bounded(step) ? std::min<double>(step.reach, kWholeElement) : kWholeElement;
  return 1 + kCostOfByte * looked_at;
}

// On how many steps any way to acceptance bears one of `grams`, at least: each is at a place of its
// own in the text.
uint32_t fewest_sights(const Unrolled& unrolled, const std::vector<Gram>& grams) {
  const auto& steps = unrolled.steps();
  std::vector<std::vector<size_t>> out(unrolled.nodes());
  for (size_t i = 0; i < steps.size(); ++i) out[steps[i].from].push_back(i);
  std::vector<uint32_t> sights(unrolled.nodes(), UINT32_MAX);
  uint32_t at_end = artefact::kMostSights;
  std::deque<uint32_t> waiting{0};
  sights[0] = 0;
  while (!waiting.empty()) {
    const uint32_t node = waiting.front();
    waiting.pop_front();
    for (const size_t i : out[node]) {
      const bool bears =
          steps[i].gram != kNoGram && std::ranges::binary_search(grams, steps[i].gram);
      const uint32_t there = sights[node] + (bears ? 1 : 0);
      uint32_t& known = steps[i].to == Unrolled::kSink ? at_end : sights[steps[i].to];
      if (there >= known) continue;
      known = there;
      if (steps[i].to == Unrolled::kSink) continue;
      bears ? waiting.push_back(steps[i].to) : waiting.push_front(steps[i].to);
    }
  }
  return std::max(at_end, 1U);
}

bool is_useful(const RequiredFactor& factor) {
  return factor.grams.size() <= kMostGrams && factor.rate <= kUselessRate;
}

// The factor of the grams in `grams`, its reach not yet known.
RequiredFactor factor_of(std::vector<Gram> grams, const Unrolled& unrolled,
                         const GramRates& rates) {
  RequiredFactor factor;
  std::ranges::sort(grams);
  const auto repeated = std::ranges::unique(grams);
  grams.erase(repeated.begin(), repeated.end());
  for (const Gram gram : grams) factor.rate += rates.rate(gram);
  factor.least = fewest_sights(unrolled, grams);
  factor.grams = std::move(grams);
  return factor;
}

// The cheapest factor without the grams in `used`.
std::optional<RequiredFactor> cut(const Unrolled& unrolled, const GramRates& rates,
                                  std::unordered_set<Gram>& used) {
  const auto sink = static_cast<uint32_t>(unrolled.nodes());
  Network network(unrolled.nodes() + 1);
  const auto& steps = unrolled.steps();
  for (size_t i = 0; i < steps.size(); ++i) {
    const bool cuttable = steps[i].gram != kNoGram && !used.contains(steps[i].gram);
    network.connect(steps[i].from, steps[i].to == Unrolled::kSink ? sink : steps[i].to,
                    cuttable ? rates.rate(steps[i].gram) * cost_of_sight(steps[i]) + kGramCost
                             : Network::kUncuttable,
                    i);
  }
  if (!network.saturate(0, sink)) return {};
  std::vector<Gram> grams;
  uint32_t reach = 0;
  network.for_each_cut([&](size_t i) {
    grams.push_back(steps[i].gram);
    reach = is_bounded(steps[i]) && reach != artefact::kNone ? std::max(reach, steps[i].reach)
                                                             : artefact::kNone;
  });
  RequiredFactor factor = factor_of(std::move(grams), unrolled, rates);
  factor.reach = reach;
  used.insert(factor.grams.begin(), factor.grams.end());
  if (!is_useful(factor)) return {};
  return factor;
}

// The cheapest factor of which a gram is seen in the first kNear symbols of each match. What comes
// later is cut off, so that symbols that are shared with ways from afar count here as what they
// are.
std::optional<RequiredFactor> near_cut(const Unrolled& unrolled, const GramRates& rates) {
  struct Pipe {
    uint32_t from, to;
    Gram gram;
    uint32_t depth;
  };
  constexpr uint32_t kEnd = 0;
  const auto& steps = unrolled.steps();
  std::vector<Pipe> pipes;
  std::unordered_map<uint64_t, uint32_t> index;
  std::vector<std::pair<uint32_t, uint32_t>> nodes{{0, 0}};  // of the unrolled graph, and its depth
  const auto find = [&](uint32_t node, uint32_t depth) {
    const auto [entry, is_new] = index.emplace(uint64_t{node} << 32 | depth, nodes.size());
    if (is_new) nodes.emplace_back(node, depth);
    return entry->second;
  };
  find(0, 0);
  for (uint32_t i = 1; i < nodes.size(); ++i) {
    if (nodes.size() > kMostNearStates) return {};
    const auto [node, depth] = nodes[i];
    for (size_t k = unrolled.begin(node); k < unrolled.begin(node + 1); ++k) {
      const uint32_t there = depth + (steps[k].takes ? 1 : 0);
      const bool ends = steps[k].to == Unrolled::kSink || there > kNear;
      pipes.push_back({i, ends ? kEnd : find(steps[k].to, there), steps[k].gram, there});
    }
  }
  Network network(nodes.size());
  for (size_t i = 0; i < pipes.size(); ++i) {
    const bool cuttable = pipes[i].gram != kNoGram && artefact::length_of(pipes[i].gram) > 1;
    network.connect(pipes[i].from, pipes[i].to,
                    cuttable ? rates.rate(pipes[i].gram) + kGramCost : Network::kUncuttable, i);
  }
  if (!network.saturate(1, kEnd)) return {};
  std::vector<Gram> grams;
  uint32_t reach = 0;
  network.for_each_cut([&](size_t i) {
    grams.push_back(pipes[i].gram);
    reach = std::max(reach, pipes[i].depth);
  });
  RequiredFactor factor = factor_of(std::move(grams), unrolled, rates);
  factor.reach = reach;
  if (!is_useful(factor)) return {};
  return factor;
}

std::vector<RequiredFactor> cuts(const SymbolAutomaton& automaton, uint32_t gram_symbols,
                                 const GramRates& rates) {
  Unrolled unrolled(automaton, gram_symbols);
  if (!unrolled.unroll()) return {};
  std::unordered_set<Gram> used;
  std::vector<RequiredFactor> out;
  if (auto near = near_cut(unrolled, rates)) out.push_back(std::move(*near));
  for (uint32_t i = 0; i < artefact::kMostFactors && out.size() < artefact::kMostFactors; ++i) {
    auto next = cut(unrolled, rates, used);
    if (!next) break;
    const bool is_near_one = i == 0 && !out.empty() && out[0].grams == next->grams;
    if (!is_near_one) out.push_back(std::move(*next));
  }
  return out;
}

}  // namespace

std::vector<RequiredFactor> required_factors(const ExpressionTree& tree, const GramRates& rates) {
  const auto automaton = symbol_automaton(tree);
  if (!automaton) return {};
  for (uint32_t gram_symbols = kGramSymbols; gram_symbols >= 2; --gram_symbols) {
    auto out = cuts(*automaton, gram_symbols, rates);
    if (!out.empty()) return out;
  }
  return {};
}

}  // namespace postern::compile
