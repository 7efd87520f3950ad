// Finds the elements in which factored expressions may match (artefact::Factor).
//
// Theory of operation. One pass over an element folds it to symbols (artefact/gram.h). The latest
// four index a bit set: whether any expression asks for a gram that ends there, nearly always not.
// A shorter gram stands there as every four that end with it. Where the bit is set, its rank names
// the factors that hold the gram. An expression of which all factors were seen often enough in one
// element is a candidate there. Where it may begin is told by the sights of one factor whose reach
// is bounded, if it has such a one.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "patterns/artefact/artefact.h"
#include "patterns/language/regexp.h"

namespace postern::scan {

class FactorSearch {
 public:
  // Where a match can begin: in [from, to].
  struct Window {
    uint32_t from;
    uint32_t to;
  };

  // What was noted down of one candidate in one element.
  struct Trace {
    uint32_t begin;       // of the element's symbols among those kept
    uint32_t symbols;     // of the element; kNone: more than are kept
    uint32_t last_place;  // kNone: they were not kept
  };

  // What one thread notes down while it searches elements: that of the latest, and of those before
  // it that are kept.
  class Notes {
   public:
    // For a set of so many expressions. Not while an element is searched.
    void prepare(size_t expressions);
    // Of the latest element.
    std::span<const uint32_t> candidates() const { return {candidates_.data(), count_}; }
    Trace trace(uint32_t candidate) const {
      return {kept_, overflowed_ ? artefact::kNone : symbols_,
              places_used_ == kMostPlaces ? artefact::kNone : sights_[candidate].last_place};
    }
    // Keeps what was noted down of the latest element, as long as there is room. Once an element.
    bool can_keep() const { return kept_ + symbols_ <= kKeptSymbols && !overflowed_; }
    void keep() {
      kept_ += symbols_ + artefact::kGramSymbols;
      kept_places_ = places_used_;
    }
    void keep_none() { kept_ = kept_places_ = 0; }

   private:
    friend class FactorSearch;
    // Beyond, a match may begin anywhere.
    static constexpr uint32_t kMostPlaces = 16'384;   // of all elements
    static constexpr uint32_t kMostSymbols = 65'536;  // of one
    static constexpr uint32_t kKeptSymbols = 65'536;
    struct Sight {
      uint32_t element = 0;                                // number of the element that this is of
      std::array<uint8_t, artefact::kMostFactors> seen{};  // of each factor, how often
      uint8_t complete = 0;                                // factors seen often enough
      uint32_t last_place = artefact::kNone;
    };
    struct Place {
      uint32_t symbol;  // the gram's last, by its number
      uint32_t before;  // the place seen before this one, of the same expression
    };
    std::vector<Sight> sights_;  // by expression
    std::vector<uint32_t> candidates_;
    std::vector<Place> places_;
    size_t count_ = 0;
    uint32_t kept_ = 0;         // symbols
    uint32_t kept_places_ = 0;  // places
    struct Seen {
      artefact::Gram last_four;
      uint32_t symbol;
    };
    // Of the elements that are kept, then of the latest.
    std::vector<uint8_t> symbol_;    // as they were counted, kSymbols behind an element's last
    std::vector<uint32_t> offsets_;  // in the element; its end behind the last
    std::vector<Seen> seen_;         // in a block of text: what is wanted
    uint32_t places_used_ = 0;
    uint32_t symbols_ = 0;
    bool overflowed_ = false;  // more symbols than are numbered
    uint32_t element_ = 0;
  };

  // Where in a text PCRE2 tries an expression at all: anywhere, where the search begins and after
  // each newline, or only where the search begins (PCRE2_INFO_FIRSTCODETYPE, PCRE2_ANCHORED).
  enum class Anchor : uint8_t { kNone, kLine, kText };
  static Anchor anchor_of(const pcre2_code* code);

  // `starts` of the expressions that have factors here; `anchors` by expression.
  FactorSearch(std::span<const artefact::Factor> factors, std::vector<artefact::MatchStarts> starts,
               std::span<const Anchor> anchors);

  // Afterwards `notes` has the candidates. Notes may serve many searches, one at a time.
  void search(std::string_view element, Notes& notes) const;

  // Calls confirm(Window) wherever a match of the candidate may begin, until it returns true or
  // there is no more. `trace` is the candidate's in `element`.
  template <typename Confirm>
  void for_each_window(const Notes& notes, const Trace& trace, uint32_t candidate,
                       std::string_view element, Confirm&& confirm) const {
    const Reach& reach = reach_[candidate];
    uint32_t place = trace.last_place;
    if (reach.symbols == artefact::kNone || reach.anchor != Anchor::kNone ||
        place == artefact::kNone || trace.symbols == artefact::kNone) {
      return for_each_window_from(notes, trace, candidate, element, 0, confirm);
    }
    while (place != artefact::kNone) {
      // A gram whose reach is bounded has two symbols or more: a match begins before the last.
      const uint32_t last = notes.places_[place].symbol;
      uint32_t first;
      do {
        const uint32_t symbol = notes.places_[place].symbol;
        first = symbol > reach.symbols ? symbol - reach.symbols : 0;
        place = notes.places_[place].before;
      } while (place != artefact::kNone && notes.places_[place].symbol >= first);
      if (for_each_start(notes, trace, reach, first, last, confirm)) return;
    }
  }

  // The same from `from` on and in order, whatever the factors tell of the place.
  template <typename Confirm>
  void for_each_window_from(const Notes& notes, const Trace& trace, uint32_t candidate,
                            std::string_view element, size_t from, Confirm&& confirm) const {
    const Reach& reach = reach_[candidate];
    if (reach.anchor != Anchor::kNone) return for_each_line(reach, element, from, confirm);
    if (reach.starts == artefact::kNone || trace.symbols == artefact::kNone) {
      confirm(Window{static_cast<uint32_t>(from), static_cast<uint32_t>(element.size())});
      return;
    }
    const auto begin = notes.offsets_.begin() + trace.begin;
    const auto behind = std::upper_bound(begin, begin + trace.symbols, from);
    const auto first = behind == begin ? 0 : static_cast<uint32_t>(behind - begin - 1);
    for_each_start(notes, trace, reach, first, trace.symbols, [&](Window window) {
      window.from = std::max(window.from, static_cast<uint32_t>(from));
      return window.from <= window.to && confirm(window);
    });
  }

 private:
  // A factor that holds a gram.
  struct Holder {
    uint32_t expression;
    uint8_t number;  // among the factors of its expression
    uint8_t least;
    uint8_t all;  // factors of its expression
    bool tells_place;
    auto operator<=>(const Holder&) const = default;
  };

  // Where matches of an expression may begin.
  struct Reach {
    uint32_t symbols = artefact::kNone;  // before what tells the place; kNone: nothing does
    uint32_t starts = artefact::kNone;   // index into starts_; kNone: with anything
    Anchor anchor = Anchor::kNone;
  };
  struct Entry {
    artefact::Gram last_four;
    Holder holder;
  };
  void index(std::vector<Entry> entries);
  // Those of the symbols from `first` to before `last` at which a match can begin; neighbours make
  // one window. True: `confirm` wants no more.
  template <typename Confirm>
  bool for_each_start(const Notes& notes, const Trace& trace, const Reach& reach, uint32_t first,
                      uint32_t last, Confirm&& confirm) const {
    const uint32_t* const offsets = &notes.offsets_[trace.begin];
    if (reach.starts == artefact::kNone) {
      return confirm(Window{offsets[first], offsets[last] - 1});
    }
    const artefact::MatchStarts& starts = starts_[reach.starts];
    const auto begins = [&](uint32_t symbol) {
      const uint8_t* at = &notes.symbol_[trace.begin + symbol];
      return artefact::can_begin(starts, uint32_t{at[0]} << 2 * artefact::kSymbolBits |
                                             uint32_t{at[1]} << artefact::kSymbolBits | at[2]);
    };
    for (uint32_t symbol = first; symbol < last; ++symbol) {
      if (!begins(symbol)) continue;
      const uint32_t from = symbol++;
      while (symbol < last && begins(symbol)) ++symbol;
      if (confirm(Window{offsets[from], offsets[symbol] - 1})) return true;
    }
    return false;
  }

  template <typename Confirm>
  void for_each_line(const Reach& reach, std::string_view element, size_t from,
                     Confirm&& confirm) const {
    do {
      const auto at = static_cast<uint32_t>(from);
      if (begins_at(reach, element, from) && confirm(Window{at, at})) return;
      if (reach.anchor == Anchor::kText) return;
      from = element.find('\n', from);
    } while (from != std::string_view::npos && ++from < element.size());
  }
  bool begins_at(const Reach& reach, std::string_view element, size_t from) const;
  bool is_wanted(artefact::Gram last_four) const {
    return wanted_[last_four / 64] >> (last_four % 64) & 1;
  }
  void see(Notes::Seen seen, Notes& notes) const;

  std::vector<uint64_t> wanted_;  // bit set over the latest four symbols
  std::vector<uint32_t> rank_;    // for each word of it, the bits set in those before
  std::vector<uint32_t> lists_;   // for each bit that is set, where its list begins in `holders_`
  std::vector<Holder> holders_;   // each list ends with one of `all` 0
  std::vector<Reach> reach_;      // by expression
  std::vector<artefact::MatchStarts> starts_;
};

}  // namespace postern::scan
