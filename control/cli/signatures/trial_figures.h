// What a trial says of a set: hits, false positives, histogram, threshold curve. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "control/cli/signatures/trial.h"

namespace postern::cli {

// Indexed by Kind.
struct PerKind {
  std::array<uint64_t, 2> of{};
  uint64_t& operator[](Kind kind) { return of[static_cast<size_t>(kind)]; }
  uint64_t operator[](Kind kind) const { return of[static_cast<size_t>(kind)]; }
};

struct RuleFigures {
  uint32_t rule = 0;
  PerKind hits;                          // messages
  double ham_share = 0, spam_share = 0;  // of the messages of that kind, 0 to 1
  // spam_share / (spam_share + ham_share): 1 hits spam alone, 0 ham alone; as SpamAssassin's
  // hit-frequencies has it. None without hits, or without messages of both kinds.
  std::optional<double> spam_over_all;
  // By how many points the rule sets spam apart from ham, on average; below 0 it brings them
  // together. None for sub-rules, or without messages of both kinds.
  std::optional<double> gain;
};

// A rule's part in the ham that is refused.
struct Blame {
  uint32_t rule = 0;
  uint64_t messages = 0;  // refused ham that it hits
  uint64_t decisive = 0;  // of these, what would pass without its score
};

// A bucket is a point wide; these two are open outwards.
inline constexpr double kLowestBucket = -10;
inline constexpr double kHighestBucket = 25;

struct Bucket {
  double from = 0;
  PerKind messages;
};

struct CurvePoint {
  double threshold = 0;
  PerKind refused;
  std::optional<double> precision;  // of what is refused, the share that is spam
  std::optional<double> recall;     // of spam, the share that is refused
};

struct Figures {
  double threshold = 0;
  PerKind messages, bytes, refused;
  uint64_t confirmations_cut = 0;
  std::vector<RuleFigures> rules;         // of each rule, in the set's order
  std::vector<uint32_t> false_positives;  // indices of messages, the highest score first
  std::vector<uint32_t> missed;           // of spam, the lowest score first
  std::vector<Blame> blame;               // of rules with a score above 0; the most decisive first
  std::vector<Bucket> histogram;
  std::vector<CurvePoint> curve;
};

// Whether it serves metas and has no score.
bool is_sub_rule(const scan::SignatureSet& set, uint32_t rule);

// A message at or over the threshold is refused, as the data plane does it.
Figures figures_of(const Trial& trial, const scan::SignatureSet& set, double threshold);

}  // namespace postern::cli
