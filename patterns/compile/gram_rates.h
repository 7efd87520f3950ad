// How often grams occur in a text, estimated from a sample of it.
//
// Theory of operation. Symbols are taken for a Markov chain of the second order. What the sample
// shows too seldom is filled in from the next lower order (Witten and Bell, IEEE Trans. Inf. Theory
// 37, 1991, with a fixed weight).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "patterns/artefact/gram.h"

namespace postern::compile {

class GramRates {
 public:
  explicit GramRates(std::span<const std::string> sample);

  // Occurrences expected in each byte of text.
  double rate(artefact::Gram gram) const;

 private:
  double single(uint32_t a) const;
  double after_one(uint32_t a, uint32_t b) const;              // P(b | a)
  double after_two(uint32_t a, uint32_t b, uint32_t c) const;  // P(c | a b)

  double symbols_each_byte_ = 1;
  double total_ = 0;
  std::vector<float> one_, two_, three_;
};

}  // namespace postern::compile
