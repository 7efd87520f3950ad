#include "patterns/compile/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <thread>

#include "patterns/compile/trial.h"

namespace postern::compile {
namespace {

using Engine = Placement::Engine;

// Nanoseconds a byte.
constexpr double kNegligible = 0.01;  // a factored expression at this price need not be compared
constexpr double kPass = 1.5;         // the pass over the text that factored expressions share
constexpr double kSurelyDearer = 20;  // by Hyperscan, for all that could be factored
constexpr double kUnmeasured = 0.08;  // an expression for Hyperscan, as most are
constexpr double kDear = 0.3;         // an expression for Hyperscan that is put off where it can be
// More plain texts than that are not compared: a sample is too small to show how often one of their
// grams is met, and Hyperscan searches for any number of them at nearly the same price.
constexpr size_t kManyLiterals = 2000;
constexpr uint32_t kManyRepetitions = 300;  // such may take Hyperscan very long to compile

template <typename Work>
void in_parallel(size_t count, unsigned threads, Work&& work) {
  std::atomic<size_t> next{0};
  const auto run = [&] {
    for (size_t i = next++; i < count; i = next++) work(i);
  };
  std::vector<std::jthread> others;
  for (unsigned i = 1; i < threads; ++i) others.emplace_back(run);
  run();
}

std::string factors_entry(const Placement& placement) {
  EntryWriter out;
  out.number(placement.cost_ns).number(uint64_t{placement.factors.size()});
  for (const RequiredFactor& factor : placement.factors) {
    out.number(factor.least).number(factor.reach).number(factor.rate);
    out.number(uint64_t{factor.grams.size()});
    for (const artefact::Gram gram : factor.grams) out.number(gram);
  }
  out.number(placement.starts.has_value());
  if (placement.starts) {
    out.number(placement.starts->first).number(uint64_t{placement.starts->thirds.size()});
    for (const auto& thirds : placement.starts->thirds) out.number(thirds);
  }
  return out.bytes();
}

bool read_factors(std::string_view bytes, Placement& out) {
  EntryReader in(bytes);
  Placement read;
  read.cost_ns = in.number<double>();
  read.factors.resize(in.count(sizeof(uint64_t)));
  for (RequiredFactor& factor : read.factors) {
    factor.least = in.number<uint32_t>();
    factor.reach = in.number<uint32_t>();
    factor.rate = in.number<double>();
    factor.grams.resize(in.count(sizeof(artefact::Gram)));
    for (artefact::Gram& gram : factor.grams) gram = in.number<artefact::Gram>();
  }
  if (in.number<bool>()) {
    artefact::MatchStarts& starts = read.starts.emplace();
    starts.first = in.number<uint32_t>();
    starts.thirds.resize(in.count(sizeof(starts.thirds[0])));
    for (auto& thirds : starts.thirds) thirds = in.number<std::remove_cvref_t<decltype(thirds)>>();
  }
  if (!in.is_done()) return false;
  out.cost_ns = read.cost_ns;
  out.factors = std::move(read.factors);
  out.starts = std::move(read.starts);
  return true;
}

// Whether the pattern is plain text. Of such Hyperscan searches for any number nearly for the price
// of one, and compiles them in no time.
bool is_literal(std::string_view pattern) {
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\') {
      if (++i == pattern.size() || std::isalnum(static_cast<unsigned char>(pattern[i])))
        return false;
    } else if (std::string_view("^$.|?*+()[]{}").contains(c)) {
      return false;
    }
  }
  return true;
}

class Placer {
 public:
  Placer(std::span<const Searched> expressions, const Sample& sample,
         const PlacementOptions& options)
      : expressions_(expressions), options_(options), placements_(expressions.size()) {
    for (const auto& [target, elements] : sample) {
      EntryWriter bytes;
      for (const std::string& element : elements) bytes.text(element);
      bytes.number(language::is_joined(target));
      sample_digests_.emplace(
          target, artefact::sha256({reinterpret_cast<const uint8_t*>(bytes.bytes().data()),
                                    bytes.bytes().size()}));
      texts_.emplace(target, sample_text(elements, language::is_joined(target)));
      rates_.emplace(target, elements);
    }
  }

  std::vector<Placement> place() {
    for (Placement& placement : placements_) placement.was_cached = options_.cache != nullptr;
    in_parallel(expressions_.size(), options_.at_once, [this](size_t i) { find_factors(i); });
    measure_hyperscan();
    measure_pcre2();
    for (size_t i = 0; i < expressions_.size(); ++i) choose(i);
    settle_groups();
    return std::move(placements_);
  }

 private:
  void find_factors(size_t i) {
    if (options_.factoring == Factoring::kNever) return;
    Placement& out = placements_[i];
    const bool is_kept = expressions_.size() <= options_.most_kept;
    const std::string key = regexp_key(i);
    const auto known = is_kept ? recall("factors", key, i) : std::nullopt;
    if (known && read_factors(*known, out)) return;
    out.was_cached = false;
    cut_factors(i);
    if (is_kept) remember("factors", key, factors_entry(out));
  }

  void cut_factors(size_t i) {
    const Searched& searched = expressions_[i];
    Placement& out = placements_[i];
    const auto tree = expression_tree(*searched.regexp);
    if (!tree) return;
    const SampleText& text = texts_.at(searched.target);
    out.factors = required_factors(*tree, rates_.at(searched.target));
    if (out.factors.empty()) return;
    out.starts = match_starts(*tree);
    const double share = out.starts ? share_of_starts(*out.starts, text.elements) : 1;
    // Each factor more makes candidates rarer, and costs where it is seen.
    size_t best = 0;
    for (size_t count = 1; count <= out.factors.size(); ++count) {
      const double cost =
          factored_cost(*searched.regexp, std::span(out.factors).first(count), share, text);
      if (best > 0 && cost >= out.cost_ns) continue;
      best = count;
      out.cost_ns = cost;
    }
    out.factors.resize(best);
  }

  bool is_tried(size_t i) const {
    const Searched& searched = expressions_[i];
    if (!searched.expressible) return false;
    if (options_.factoring == Factoring::kNever) {
      return searched.form.repetitions > kManyRepetitions;
    }
    if (options_.factoring == Factoring::kAlways) return placements_[i].factors.empty();
    return placements_[i].factors.empty() || placements_[i].cost_ns > kNegligible;
  }

  void measure_hyperscan() {
    hyperscan_.resize(expressions_.size());
    was_tried_.resize(expressions_.size());
    std::vector<size_t> tried;
    std::vector<Trial> trials;
    for (size_t i = 0; i < expressions_.size(); ++i) {
      if (!is_tried(i)) continue;
      const auto known = recall("hyperscan", form_key(i), i);
      if (known) {
        EntryReader entry(*known);
        const bool compiles = entry.number<bool>();
        const auto cost = entry.number<double>();
        if (compiles) hyperscan_[i] = cost;
        was_tried_[i] = true;
        continue;
      }
      tried.push_back(i);
      trials.push_back({&expressions_[i].form, &texts_.at(expressions_[i].target)});
    }
    const auto results = try_hyperscan(trials, options_.trial_seconds, options_.at_once);
    for (size_t k = 0; k < tried.size(); ++k) {
      const TrialResult& result = results[k];
      hyperscan_[tried[k]] = result.cost;
      was_tried_[tried[k]] = true;
      placements_[tried[k]].trial_failed = !result.is_final;
      if (!result.is_final) continue;
      EntryWriter entry;
      entry.number(result.cost.has_value()).number(result.cost.value_or(0));
      remember("hyperscan", form_key(tried[k]), entry.bytes());
    }
  }

  void measure_pcre2() {
    pcre2_.resize(expressions_.size());
    if (options_.factoring != Factoring::kByCost) return;
    in_parallel(expressions_.size(), options_.at_once, [this](size_t i) {
      if (placements_[i].factors.empty() || placements_[i].cost_ns > kNegligible) {
        const std::string key = regexp_key(i);
        const auto known = recall("pcre2", key, i);
        pcre2_[i] = known ? EntryReader(*known).number<double>()
                          : pcre2_cost(*expressions_[i].regexp, texts_.at(expressions_[i].target));
        if (!known) remember("pcre2", key, EntryWriter().number(*pcre2_[i]).bytes());
      }
    });
  }

  // Whether Hyperscan can have it: it can be expressed, and compiles in time as far as is known.
  bool hyperscan_can(size_t i) const {
    if (!expressions_[i].expressible) return false;
    if (was_tried_[i]) return hyperscan_[i].has_value();
    return expressions_[i].form.repetitions <= kManyRepetitions;
  }

  const char* why_not_hyperscan(size_t i) const {
    if (!expressions_[i].expressible) return "Hyperscan cannot express it";
    return placements_[i].trial_failed ? "there was no memory to try it with Hyperscan"
                                       : "it takes Hyperscan too long to compile";
  }

  // The cheapest of the three that can have it.
  void choose(size_t i) {
    Placement& out = placements_[i];
    const bool can = hyperscan_can(i);
    const bool has_factors = !out.factors.empty();
    const double factored = out.cost_ns;
    if (has_factors && (!can || !hyperscan_[i] || factored <= *hyperscan_[i]) &&
        factored <= pcre2_[i].value_or(factored)) {
      out.engine = Engine::kFactored;
      out.other_ns = hyperscan_[i];
      out.why = !can            ? why_not_hyperscan(i)
                : hyperscan_[i] ? "cheaper than by Hyperscan"
                                : "its factors are rare";
      return;
    }
    const std::string_view unfactored =
        has_factors ? "its factors are common" : "no rare text must be in what it matches";
    if (!can) {
      out.engine = Engine::kPcre2;
      out.cost_ns = pcre2_[i].value_or(0);
      out.why = fmt::format("{}, and {}", unfactored, why_not_hyperscan(i));
    } else if (pcre2_[i] && hyperscan_[i] && *pcre2_[i] < *hyperscan_[i]) {
      out.engine = Engine::kPcre2;
      out.cost_ns = *pcre2_[i];
      out.other_ns = hyperscan_[i];
      out.why = fmt::format("{}, and PCRE2 is soon done", unfactored);
    } else {
      out.engine = Engine::kHyperscan;
      out.cost_ns = hyperscan_[i].value_or(0);
      if (has_factors) out.other_ns = factored;
      out.why = unfactored;
    }
    out.factors.clear();
    const bool is_dear = options_.factoring == Factoring::kAlways ||
                         (options_.factoring == Factoring::kByCost && out.cost_ns >= kDear);
    out.alone = out.engine == Engine::kHyperscan && expressions_[i].can_wait && is_dear;
  }

  struct Group {
    std::vector<size_t> by_hyperscan, either;
    bool needs_pass = false;
    double alone_ns = 0;  // of `either` by Hyperscan, one by one
  };

  // Hyperscan searches for many expressions together cheaper than for each alone, and the pass for
  // factors has its price: a group whose factored expressions cost more than they would there goes
  // to Hyperscan, but for what it cannot have.
  void settle_groups() {
    if (options_.factoring != Factoring::kByCost) return;
    std::map<uint32_t, Group> groups;
    for (size_t i = 0; i < expressions_.size(); ++i) {
      Group& group = groups[expressions_[i].group];
      const Placement& placement = placements_[i];
      if (placement.engine == Engine::kHyperscan && !placement.alone) {
        group.by_hyperscan.push_back(i);
      }
      if (placement.engine != Engine::kFactored) continue;
      if (!hyperscan_can(i)) {
        group.needs_pass = true;
        continue;
      }
      group.either.push_back(i);
      group.alone_ns += hyperscan_[i].value_or(kUnmeasured);
    }
    for (auto& [number, group] : groups) {
      if (group.alone_ns > kSurelyDearer) keep_only_literals(group);
      if (group.either.size() > kManyLiterals && only_literals(group)) {
        to_hyperscan(group);
      } else {
        settle(group);
      }
    }
  }

  // What else there is stays factored.
  void keep_only_literals(Group& group) const {
    const size_t all = group.either.size();
    std::erase_if(group.either,
                  [this](size_t i) { return !is_literal(expressions_[i].form.pattern); });
    group.needs_pass |= group.either.size() < all;
  }

  bool only_literals(const Group& group) const {
    return std::ranges::all_of(
        group.either, [this](size_t i) { return is_literal(expressions_[i].form.pattern); });
  }

  void settle(const Group& group) {
    if (group.either.empty()) return;
    std::vector<size_t> all = group.by_hyperscan;
    all.insert(all.end(), group.either.begin(), group.either.end());
    const auto together = joint_cost(all);
    if (!together) return;
    const double left = joint_cost(group.by_hyperscan).value_or(0);
    const double saved_pass = group.needs_pass ? 0 : kPass;
    double factored = 0;
    for (const size_t i : group.either) factored += placements_[i].cost_ns;
    if (*together >= left + factored + saved_pass) return;
    to_hyperscan(group);
  }

  void to_hyperscan(const Group& group) {
    for (const size_t i : group.either) {
      Placement& placement = placements_[i];
      placement.engine = Engine::kHyperscan;
      placement.other_ns = placement.cost_ns;
      placement.cost_ns = hyperscan_[i].value_or(kUnmeasured);
      placement.factors.clear();
      placement.why = "cheaper by Hyperscan together with its group";
    }
  }

  std::optional<double> joint_cost(const std::vector<size_t>& indices) const {
    if (indices.empty()) return 0;
    std::vector<const HyperscanForm*> forms;
    for (const size_t i : indices) forms.push_back(&expressions_[i].form);
    EntryWriter key;
    for (const HyperscanForm* form : forms) key.text(form->pattern).number(form->flags);
    key.number(sample_digests_.at(expressions_[indices[0]].target));
    if (options_.cache != nullptr) {
      if (const auto known = options_.cache->find("joint", key.bytes())) {
        return EntryReader(*known).number<double>();
      }
    }
    const auto cost = hyperscan_cost(forms, texts_.at(expressions_[indices[0]].target));
    if (!cost) return {};
    remember("joint", key.bytes(), EntryWriter().number(*cost).bytes());
    return *cost;
  }

  std::string regexp_key(size_t i) const {
    const Searched& searched = expressions_[i];
    return EntryWriter()
        .text(searched.regexp->pattern)
        .number(searched.regexp->flags)
        .number(sample_digests_.at(searched.target))
        .bytes();
  }

  std::string form_key(size_t i) const {
    const Searched& searched = expressions_[i];
    return EntryWriter()
        .text(searched.form.pattern)
        .number(searched.form.flags)
        .number(options_.trial_seconds)
        .number(sample_digests_.at(searched.target))
        .bytes();
  }

  std::optional<std::string> recall(std::string_view what, std::string_view key, size_t i) {
    std::optional<std::string> found;
    if (options_.cache != nullptr) found = options_.cache->find(what, key);
    if (!found) placements_[i].was_cached = false;
    return found;
  }

  void remember(std::string_view what, std::string_view key, std::string_view value) const {
    if (options_.cache != nullptr) options_.cache->store(what, key, value);
  }

  const std::span<const Searched> expressions_;
  const PlacementOptions options_;
  std::vector<Placement> placements_;
  std::map<language::Target, SampleText> texts_;
  std::map<language::Target, GramRates> rates_;
  std::map<language::Target, artefact::Sha256> sample_digests_;
  std::vector<std::optional<double>> hyperscan_;  // costs, of those measured
  std::vector<std::optional<double>> pcre2_;
  std::vector<bool> was_tried_;
};

}  // namespace

std::vector<Placement> place(std::span<const Searched> expressions, const Sample& sample,
                             const PlacementOptions& options) {
  return Placer(expressions, sample, options).place();
}

}  // namespace postern::compile
