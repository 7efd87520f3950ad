#include "dataplane/scan/factor_search.h"

#include <algorithm>
#include <bit>
#include <map>

namespace postern::scan {
namespace {

using artefact::Gram;
using artefact::kNone;

constexpr uint32_t kWantedBitsEach = 32;  // of the bit set, for each gram
constexpr uint32_t kMostWantedBits = 20;  // its size is two to this power at most: 128 KiB
constexpr uint32_t kLeastWantedBits = 6;

// So many bits of a hash choose one of at least `count` places.
uint32_t bits_for(size_t count, uint32_t least, uint32_t most) {
  return std::clamp(static_cast<uint32_t>(std::bit_width(count)), least, most);
}

}  // namespace

void FactorSearch::Notes::prepare(size_t expressions) {
  if (sights_.size() < expressions) {
    sights_.resize(expressions);
    candidates_.resize(expressions);
  }
  places_.resize(kMostPlaces);
  offsets_.resize(kMostSymbols);
}

FactorSearch::FactorSearch(std::span<const artefact::Factor> factors) {
  add_factors(factors);
  add_grams(factors);
}

// The first factor of an expression that has a bounded reach tells where a match may begin.
void FactorSearch::add_factors(std::span<const artefact::Factor> factors) {
  for (size_t i = 0; i < factors.size();) {
    size_t end = i, place = factors.size();
    for (; end < factors.size() && factors[end].expression == factors[i].expression; ++end) {
      if (factors[end].reach != kNone && place == factors.size()) place = end;
    }
    const uint32_t reach = place == factors.size() ? kNone : factors[place].reach;
    for (size_t k = i; k < end; ++k) {
      factors_.push_back({factors[k].expression, static_cast<uint8_t>(k - i),
                          static_cast<uint8_t>(factors[k].least), static_cast<uint8_t>(end - i),
                          k == place, reach});
    }
    i = end;
  }
}

void FactorSearch::add_grams(std::span<const artefact::Factor> factors) {
  std::map<Gram, std::vector<size_t>> holders;
  for (size_t i = 0; i < factors.size(); ++i) {
    for (const Gram gram : factors[i].grams) holders[gram].push_back(i);
  }
  const uint32_t wanted_bits =
      bits_for(holders.size() * kWantedBitsEach, kLeastWantedBits, kMostWantedBits);
  wanted_shift_ = 32 - wanted_bits;
  wanted_.assign((size_t{1} << wanted_bits) / 64, 0);
  const uint32_t slot_bits = bits_for(holders.size() * 2, 1, 31);
  slot_shift_ = 32 - slot_bits;
  slots_.resize(size_t{1} << slot_bits);
  for (const auto& [gram, of] : holders) {
    const uint32_t bit = hash(gram) >> wanted_shift_;
    wanted_[bit / 64] |= uint64_t{1} << (bit % 64);
    lengths_ |= 1U << artefact::length_of(gram);
    size_t slot = hash(gram) >> slot_shift_;
    while (slots_[slot].gram != kNone) slot = (slot + 1) % slots_.size();
    const auto begin = static_cast<uint32_t>(holders_.size());
    for (const size_t factor : of) holders_.push_back(factors_[factor]);
    slots_[slot] = {gram, begin, static_cast<uint32_t>(holders_.size())};
  }
}

const FactorSearch::Slot* FactorSearch::find(Gram gram) const {
  for (size_t slot = hash(gram) >> slot_shift_; slots_[slot].gram != kNone;
       slot = (slot + 1) % slots_.size()) {
    if (slots_[slot].gram == gram) return &slots_[slot];
  }
  return nullptr;
}

// Notes the factors down that hold `gram`.
void FactorSearch::see(Gram gram, Notes& notes) const {
  const Slot* slot = find(gram);
  if (slot == nullptr) return;
  for (uint32_t i = slot->begin; i < slot->end; ++i) {
    const Factor& factor = holders_[i];
    Notes::Sight& sight = notes.sights_[factor.expression];
    if (sight.element != notes.element_) sight = {notes.element_, {}, 0, factor.reach, kNone};
    if (factor.tells_place && notes.places_used_ < Notes::kMostPlaces) {
      notes.places_[notes.places_used_] = {notes.symbols_, sight.last_place};
      sight.last_place = notes.places_used_++;
    }
    uint8_t& seen = sight.seen[factor.number];
    if (seen == factor.least) continue;
    if (++seen == factor.least && ++sight.complete == factor.all) {
      notes.candidates_[notes.count_++] = factor.expression;
    }
  }
}

void FactorSearch::search(std::string_view element, Notes& notes) const {
  ++notes.element_;
  notes.count_ = 0;
  notes.places_used_ = 0;
  notes.symbols_ = 0;
  notes.overflowed_ = false;
  const uint32_t lengths = lengths_;
  artefact::for_each_symbol(element, [&](uint32_t symbols, uint32_t length, uint32_t offset) {
    notes.offsets_[notes.symbols_] = offset;
    for (uint32_t n = length; n > 0; --n) {
      if (!(lengths >> n & 1)) continue;
      const Gram gram = artefact::make_gram(symbols, n);
      if (is_wanted(gram)) [[unlikely]]
        see(gram, notes);
    }
    if (++notes.symbols_ == Notes::kMostSymbols) --notes.symbols_, notes.overflowed_ = true;
  });
}

}  // namespace postern::scan
