#include "patterns/compile/gram_rates.h"

namespace postern::compile {
namespace {

using artefact::kSymbolBits;
using artefact::kSymbolMask;
using artefact::kSymbols;

constexpr double kWeight = 5;  // what the lower order counts for, in occurrences

}  // namespace

GramRates::GramRates(std::span<const std::string> sample)
    : one_(1U << kSymbolBits), two_(1U << 2 * kSymbolBits), three_(1U << 3 * kSymbolBits) {
  double bytes = 1;
  for (const std::string& text : sample) {
    bytes += static_cast<double>(text.size());
    artefact::for_each_symbol(text, [&](uint32_t symbols, uint32_t length, uint32_t) {
      ++total_;
      ++one_[symbols & kSymbolMask];
      if (length >= 2) ++two_[symbols & ((1U << 2 * kSymbolBits) - 1)];
      if (length >= 3) ++three_[symbols & ((1U << 3 * kSymbolBits) - 1)];
    });
  }
  if (total_ > 0) symbols_each_byte_ = total_ / bytes;
}

double GramRates::single(uint32_t a) const {
  return (static_cast<double>(one_[a]) + kWeight / kSymbols) / (total_ + kWeight);
}

double GramRates::after_one(uint32_t a, uint32_t b) const {
  return (static_cast<double>(two_[a << kSymbolBits | b]) + kWeight * single(b)) /
         (static_cast<double>(one_[a]) + kWeight);
}

double GramRates::after_two(uint32_t a, uint32_t b, uint32_t c) const {
  const uint32_t pair = a << kSymbolBits | b;
  return (static_cast<double>(three_[pair << kSymbolBits | c]) + kWeight * after_one(b, c)) /
         (static_cast<double>(two_[pair]) + kWeight);
}

double GramRates::rate(artefact::Gram gram) const {
  const uint32_t length = artefact::length_of(gram);
  const auto symbol = [&](uint32_t i) {
    return gram >> (length - 1 - i) * kSymbolBits & kSymbolMask;
  };
  double probability = single(symbol(0));
  if (length > 1) probability *= after_one(symbol(0), symbol(1));
  for (uint32_t i = 2; i < length; ++i) {
    probability *= after_two(symbol(i - 2), symbol(i - 1), symbol(i));
  }
  return probability * symbols_each_byte_;
}

}  // namespace postern::compile
