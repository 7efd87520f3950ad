// What it costs to search ordinary text for an expression, in one way or the other.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "patterns/compile/hyperscan_form.h"
#include "patterns/compile/required_factors.h"

struct hs_compile_error;

namespace postern::compile {

// Text of one target: what its elements look like.
struct SampleText {
  std::vector<std::string> elements;
  std::string joined;  // as the data plane joins them; empty: they are searched one by one
  double bytes = 0;
  double mean_element = 1;  // bytes
};
SampleText sample_text(std::vector<std::string> elements, bool joined);

// Why there is no cost.
enum class NoCost : uint8_t {
  kRefused,  // Hyperscan's verdict on the form, the same each time
  kFailed,   // for want of memory; another time it may do
};

// Whether an error is about the expression, and not about the machine: Hyperscan tells want of
// memory in words alone, and blames the first expression for it.
bool is_verdict(const hs_compile_error& error);

// Nanoseconds of processor time for each byte of the sample, beyond what any scan costs. May take
// very long: see trial.h.
std::expected<double, NoCost> hyperscan_cost(const HyperscanForm& form, const SampleText& sample);

// The same for several forms together, the scan itself included.
std::expected<double, NoCost> hyperscan_cost(std::span<const HyperscanForm* const> forms,
                                             const SampleText& sample);

// The same for PCRE2 in every element until one matches, the sample taken for one message.
double pcre2_cost(const language::Regexp& regexp, const SampleText& sample);

// The same for an expression that is confirmed by PCRE2 where its factors were seen. The passing
// over the text that all expressions share is not in it. Expected from the rates of its grams, the
// share of places where a match can begin, and the measured time of one confirmation.
double factored_cost(const language::Regexp& regexp, std::span<const RequiredFactor> factors,
                     double share_of_starts, const SampleText& sample);

}  // namespace postern::compile
