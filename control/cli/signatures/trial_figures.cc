#include "control/cli/signatures/trial_figures.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

namespace postern::cli {
namespace {

// Distances from the threshold, near ones close together.
constexpr double kCurveSteps[] = {-4, -3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 4, 5, 7.5, 10};

// Sums of decimal scores are off by less.
constexpr double kRounding = 1e-9;

double share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}
std::optional<double> share_if_any(uint64_t part, uint64_t whole) {
  return whole == 0 ? std::nullopt : std::optional(share(part, whole));
}

class Computation {
 public:
  Computation(const Trial& trial, const scan::SignatureSet& set, double threshold)
      : trial_(trial), set_(set) {
    out_.threshold = threshold;
  }

  Figures run() {
    out_.rules.resize(set_.rule_count());
    for (uint32_t i = 0; i < trial_.messages.size(); ++i) count(i);
    for (uint32_t i = 0; i < out_.rules.size(); ++i) finish_rule(i);
    const auto score = [&](uint32_t message) { return trial_.messages[message].score; };
    std::ranges::stable_sort(out_.false_positives, std::greater{}, score);
    std::ranges::stable_sort(out_.missed, std::less{}, score);
    lay_blame();
    fill_histogram();
    for (double step : kCurveSteps) add_curve_point(out_.threshold + step);
    return std::move(out_);
  }

 private:
  void count(uint32_t index) {
    const Tried& message = trial_.messages[index];
    const Kind kind = trial_.kind_of(message);
    const bool refused = message.score >= out_.threshold;
    ++out_.messages[kind];
    out_.bytes[kind] += message.bytes;
    out_.refused[kind] += refused;
    out_.confirmations_cut += message.confirmations_cut;
    for (uint32_t rule : message.rules) ++out_.rules[rule].hits[kind];
    if (refused && kind == Kind::kHam) out_.false_positives.push_back(index);
    if (!refused && kind == Kind::kSpam) out_.missed.push_back(index);
  }

  void finish_rule(uint32_t index) {
    RuleFigures& rule = out_.rules[index];
    rule.rule = index;
    rule.ham_share = share(rule.hits[Kind::kHam], out_.messages[Kind::kHam]);
    rule.spam_share = share(rule.hits[Kind::kSpam], out_.messages[Kind::kSpam]);
    const double both = rule.ham_share + rule.spam_share;
    const bool has_both = out_.messages[Kind::kHam] > 0 && out_.messages[Kind::kSpam] > 0;
    if (has_both && both > 0) rule.spam_over_all = rule.spam_share / both;
    if (has_both && !is_sub_rule(set_, index))
      rule.gain = set_.rule_score(index) * (rule.spam_share - rule.ham_share);
  }

  void lay_blame() {
    std::map<uint32_t, Blame> blame;
    for (uint32_t index : out_.false_positives) {
      const Tried& message = trial_.messages[index];
      for (uint32_t rule : message.rules) {
        const double score = set_.rule_score(rule);
        if (score <= 0 || is_sub_rule(set_, rule)) continue;
        Blame& entry = blame[rule];
        entry.rule = rule;
        ++entry.messages;
        entry.decisive += message.score - score < out_.threshold - kRounding;
      }
    }
    for (const auto& [rule, entry] : blame) out_.blame.push_back(entry);
    std::ranges::stable_sort(out_.blame, std::greater{}, [](const Blame& entry) {
      return std::tuple(entry.decisive, entry.messages);
    });
  }

  void fill_histogram() {
    if (trial_.messages.empty()) return;
    const auto bucket_of = [](double score) {
      return std::clamp(std::floor(score), kLowestBucket, kHighestBucket);
    };
    double lowest = kHighestBucket, highest = kLowestBucket;
    for (const Tried& message : trial_.messages) {
      lowest = std::min(lowest, bucket_of(message.score));
      highest = std::max(highest, bucket_of(message.score));
    }
    for (double from = lowest; from <= highest; ++from) {
      out_.histogram.push_back({.from = from, .messages = {}});
    }
    for (const Tried& message : trial_.messages) {
      const auto place = static_cast<size_t>(bucket_of(message.score) - lowest);
      ++out_.histogram[place].messages[trial_.kind_of(message)];
    }
  }

  void add_curve_point(double threshold) {
    CurvePoint point{.threshold = threshold, .refused = {}, .precision = {}, .recall = {}};
    for (const Tried& message : trial_.messages) {
      point.refused[trial_.kind_of(message)] += message.score >= threshold;
    }
    const uint64_t spam = point.refused[Kind::kSpam];
    point.precision = share_if_any(spam, spam + point.refused[Kind::kHam]);
    point.recall = share_if_any(spam, out_.messages[Kind::kSpam]);
    out_.curve.push_back(point);
  }

  const Trial& trial_;
  const scan::SignatureSet& set_;
  Figures out_;
};

}  // namespace

bool is_sub_rule(const scan::SignatureSet& set, uint32_t rule) {
  return set.rule_name(rule).starts_with("__");
}

Figures figures_of(const Trial& trial, const scan::SignatureSet& set, double threshold) {
  return Computation(trial, set, threshold).run();
}

}  // namespace postern::cli
