#include "dataplane/scan/factor_search.h"

#include <algorithm>
#include <bit>
#include <map>

namespace postern::scan {
namespace {

using artefact::Gram;
using artefact::kGramSymbols;
using artefact::kNone;
using artefact::kSymbolBits;

constexpr uint32_t kFours = 1U << (kGramSymbols * kSymbolBits);
constexpr uint32_t kBlock = 4096;  // bytes folded before what was seen in them is noted down

}  // namespace

void FactorSearch::Notes::prepare(size_t expressions) {
  if (sights_.size() < expressions) {
    sights_.resize(expressions);
    candidates_.resize(expressions);
  }
  places_.resize(kMostPlaces);
  constexpr uint32_t kSymbols = kKeptSymbols + kMostSymbols + kBlock + 2 * kGramSymbols;
  symbol_.resize(kSymbols);
  offsets_.resize(kSymbols);
  seen_.resize(kBlock);
}

FactorSearch::Anchor FactorSearch::anchor_of(const pcre2_code* code) {
  uint32_t options = 0, first = 0;
  pcre2_pattern_info(code, PCRE2_INFO_ALLOPTIONS, &options);
  pcre2_pattern_info(code, PCRE2_INFO_FIRSTCODETYPE, &first);
  if (options & PCRE2_ANCHORED) return Anchor::kText;
  constexpr uint32_t kBehindNewline = 2;
  return first == kBehindNewline ? Anchor::kLine : Anchor::kNone;
}

FactorSearch::FactorSearch(std::span<const artefact::Factor> factors,
                           std::vector<artefact::MatchStarts> starts,
                           std::span<const Anchor> anchors)
    : starts_(std::move(starts)) {
  std::vector<Entry> entries;
  // The first factor of an expression that has a bounded reach tells where a match may begin.
  for (size_t i = 0; i < factors.size();) {
    const uint32_t expression = factors[i].expression;
    size_t end = i, place = factors.size();
    for (; end < factors.size() && factors[end].expression == expression; ++end) {
      if (factors[end].reach != kNone && place == factors.size()) place = end;
    }
    if (reach_.size() <= expression) reach_.resize(expression + 1);
    reach_[expression].anchor = anchors[expression];
    if (place < factors.size()) reach_[expression].symbols = factors[place].reach;
    for (size_t k = i; k < end; ++k) {
      const Holder holder{expression, static_cast<uint8_t>(k - i),
                          static_cast<uint8_t>(factors[k].least), static_cast<uint8_t>(end - i),
                          k == place};
      for (const Gram gram : factors[k].grams) {
        // A shorter gram may have anything before it, and the element's start.
        const uint32_t length = artefact::length_of(gram);
        const uint32_t symbols = gram & (kFours - 1);
        for (uint32_t four = symbols; four < kFours; four += 1U << (length * kSymbolBits)) {
          entries.push_back({four, holder});
        }
      }
    }
    i = end;
  }
  for (uint32_t i = 0; i < starts_.size(); ++i) reach_[starts_[i].expression].starts = i;
  index(std::move(entries));
}

void FactorSearch::index(std::vector<Entry> entries) {
  std::ranges::stable_sort(entries, {}, &Entry::last_four);
  std::map<std::vector<Holder>, uint32_t> known;  // lists, each kept once
  wanted_.assign(kFours / 64, 0);
  rank_.assign(wanted_.size(), 0);
  for (auto from = entries.begin(); from != entries.end();) {
    const uint32_t four = from->last_four;
    std::vector<Holder> list;
    for (; from != entries.end() && from->last_four == four; ++from) list.push_back(from->holder);
    wanted_[four / 64] |= uint64_t{1} << (four % 64);
    const auto [entry, is_new] = known.emplace(list, static_cast<uint32_t>(holders_.size()));
    if (is_new) {
      holders_.insert(holders_.end(), list.begin(), list.end());
      holders_.push_back({});
    }
    lists_.push_back(entry->second);
  }
  for (size_t word = 1; word < wanted_.size(); ++word) {
    rank_[word] = rank_[word - 1] + static_cast<uint32_t>(std::popcount(wanted_[word - 1]));
  }
}

// Notes down the factors that hold the gram seen.
void FactorSearch::see(Notes::Seen seen, Notes& notes) const {
  const uint64_t before =
      wanted_[seen.last_four / 64] & ((uint64_t{1} << (seen.last_four % 64)) - 1);
  const uint32_t list = rank_[seen.last_four / 64] + static_cast<uint32_t>(std::popcount(before));
  for (const Holder* holder = &holders_[lists_[list]]; holder->all != 0; ++holder) {
    Notes::Sight& sight = notes.sights_[holder->expression];
    if (sight.element != notes.element_) sight = {notes.element_, {}, 0, kNone};
    if (holder->tells_place && notes.places_used_ < Notes::kMostPlaces) {
      notes.places_[notes.places_used_] = {seen.symbol, sight.last_place};
      sight.last_place = notes.places_used_++;
    }
    uint8_t& times = sight.seen[holder->number];
    if (times == holder->least) continue;
    if (++times == holder->least && ++sight.complete == holder->all) {
      notes.candidates_[notes.count_++] = holder->expression;
    }
  }
}

bool FactorSearch::begins_at(const Reach& reach, std::string_view element, size_t from) const {
  if (reach.starts == kNone) return true;
  constexpr size_t kEnough = 64;  // bytes; a longer run is not looked through again at each line
  const artefact::MatchStarts& starts = starts_[reach.starts];
  const std::string_view text = element.substr(from, kEnough);
  artefact::SymbolFold fold;
  uint32_t symbols = 0;
  for (const char c : text) {
    if (!fold.take(static_cast<uint8_t>(c)) || ++symbols < 3) continue;
    return artefact::can_begin(starts, fold.last_four());
  }
  if (text.size() == kEnough || symbols == 0) return true;
  // The element's end stands behind the last.
  uint32_t behind = fold.last_four();
  for (; symbols < 3; ++symbols) behind = behind << artefact::kSymbolBits | artefact::kSymbols;
  return artefact::can_begin(starts, behind);
}

void FactorSearch::search(std::string_view element, Notes& notes) const {
  // On overflow old marks could be taken for this element's.
  if (++notes.element_ == 0) {
    std::ranges::fill(notes.sights_, Notes::Sight{});
    ++notes.element_;
  }
  notes.count_ = 0;
  notes.places_used_ = notes.kept_places_;
  notes.overflowed_ = false;
  uint32_t symbols = 0;
  uint32_t* const offsets = &notes.offsets_[notes.kept_];
  uint8_t* const symbol = &notes.symbol_[notes.kept_];
  artefact::SymbolFold fold;
  for (size_t begin = 0; begin < element.size(); begin += kBlock) {
    const size_t end = std::min<size_t>(begin + kBlock, element.size());
    uint32_t seen = 0;
    // Free of branches: what comes next in a text is not foreseen.
    for (size_t i = begin; i < end; ++i) {
      const bool counts = fold.take(static_cast<uint8_t>(element[i]));
      offsets[symbols] = static_cast<uint32_t>(i);
      symbol[symbols] = static_cast<uint8_t>(fold.last_four() & artefact::kSymbolMask);
      notes.seen_[seen] = {fold.last_four(), symbols};
      seen += counts && is_wanted(fold.last_four()) ? 1 : 0;
      symbols += counts ? 1 : 0;
    }
    for (uint32_t k = 0; k < seen; ++k) see(notes.seen_[k], notes);
    if (symbols > Notes::kMostSymbols) symbols = 0, notes.overflowed_ = true;
  }
  notes.symbols_ = symbols;
  offsets[symbols] = static_cast<uint32_t>(element.size());
  std::fill_n(&symbol[symbols], kGramSymbols - 1, static_cast<uint8_t>(artefact::kSymbols));
}

}  // namespace postern::scan
