// Grams: what a text shows to the search for factors (see artefact::Factor).
//
// Theory of operation. Every byte folds to one of 30 symbols: a letter whatever its case, any
// digit, white space, other ASCII, any byte above 0x7F. A run of one symbol counts once. So many
// symbols in a row, at most four, are a gram. What an expression matches, folded the same way, has
// its grams wherever it stands in a text: the fold looks at one byte at a time, and a run that goes
// on before or behind the match still counts once.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace postern::artefact {

inline constexpr uint32_t kGramSymbols = 4;  // of the longest
inline constexpr uint32_t kSymbolBits = 5;
inline constexpr uint32_t kSymbols = 31;
inline constexpr uint32_t kSymbolMask = (1U << kSymbolBits) - 1;
inline constexpr uint32_t kLengthShift = kGramSymbols * kSymbolBits;
inline constexpr uint32_t kMostGrams = kGramSymbols << kLengthShift;

// The symbols, the last lowest, and how many they are: (length - 1) << kLengthShift.
using Gram = uint32_t;

inline constexpr std::array<uint8_t, 256> kSymbolOf = [] {
  std::array<uint8_t, 256> out{};
  constexpr uint8_t kWhite = 0, kFirstLetter = 1, kDigit = 27, kOther = 28, kContinues = 29,
                    kLeads = 30;
  for (uint32_t c = 0; c < 256; ++c) out[c] = c < 128 ? kOther : c < 192 ? kContinues : kLeads;
  for (uint32_t i = 0; i < 26; ++i) {
    out['a' + i] = out['A' + i] = static_cast<uint8_t>(kFirstLetter + i);
  }
  for (uint32_t c = '0'; c <= '9'; ++c) out[c] = kDigit;
  for (uint32_t c : {0, 9, 10, 11, 12, 13, 32}) out[c] = kWhite;
  return out;
}();

// Whether a run of the symbol counts once.
constexpr bool is_folded_run(uint32_t symbol) { return symbol < 29; }

constexpr Gram make_gram(uint32_t symbols, uint32_t length) {
  return (symbols & ((1U << (length * kSymbolBits)) - 1)) | (length - 1) << kLengthShift;
}
constexpr uint32_t length_of(Gram gram) { return (gram >> kLengthShift) + 1; }
constexpr bool is_gram(Gram gram) { return gram < kMostGrams; }

// Folds a text byte by byte.
class SymbolFold {
 public:
  // Whether the byte counts: it does not go on with a run.
  bool take(uint8_t byte) {
    const uint32_t symbol = kSymbolOf[byte];
    const bool counts = (symbol != last_) | !is_folded_run(symbol);
    last_ = symbol;
    const uint32_t next = (last_four_ << kSymbolBits | symbol) & kFourMask;
    last_four_ = counts ? next : last_four_;
    return counts;
  }
  // The latest symbols that counted, the last lowest; before the text's start stand kSymbols.
  uint32_t last_four() const { return last_four_; }

 private:
  static constexpr uint32_t kFourMask = (1U << kLengthShift) - 1;
  uint32_t last_ = kSymbols;
  uint32_t last_four_ = kFourMask;
};

// Calls take(symbols, length, offset) wherever a symbol counts: the latest symbols, how
// many of them there are (up to kGramSymbols), and where in the text.
template <typename Take>
void for_each_symbol(std::string_view text, Take&& take) {
  uint32_t symbols = 0, length = 0;
  uint32_t last = kSymbols;
  for (uint32_t i = 0; i < text.size(); ++i) {
    const uint32_t symbol = kSymbolOf[static_cast<uint8_t>(text[i])];
    if (symbol == last && is_folded_run(symbol)) continue;
    last = symbol;
    symbols = symbols << kSymbolBits | symbol;
    if (length < kGramSymbols) ++length;
    take(symbols, length, i);
  }
}

}  // namespace postern::artefact
