// Finds the elements in which factored expressions may match (artefact::Factor).
//
// Theory of operation. One pass over an element folds it to grams. A bit set tells for each whether
// any expression asks for it, nearly always not; else a table names the factors that hold it. An
// expression of which all factors were seen often enough in one element is a candidate there. Where
// it may begin is told by the sights of one factor whose reach is bounded, if it has such a one.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "patterns/artefact/artefact.h"

namespace postern::scan {

class FactorSearch {
 public:
  // Where a match can begin: in [from, to].
  struct Window {
    uint32_t from;
    uint32_t to;
  };

  // What one thread notes down while it searches an element.
  class Notes {
   public:
    // For a set of so many expressions. Not while an element is searched.
    void prepare(size_t expressions);
    std::span<const uint32_t> candidates() const { return {candidates_.data(), count_}; }

   private:
    friend class FactorSearch;
    // Of an element; beyond, a match may begin anywhere.
    static constexpr uint32_t kMostPlaces = 16'384;
    static constexpr uint32_t kMostSymbols = 65'536;
    struct Sight {
      uint64_t element = 0;                                // mark of the element that this is of
      std::array<uint8_t, artefact::kMostFactors> seen{};  // of each factor, how often
      uint8_t complete = 0;                                // factors seen often enough
      uint32_t reach = artefact::kNone;
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
    std::vector<uint32_t> offsets_;  // of symbols
    uint32_t places_used_ = 0;
    uint32_t symbols_ = 0;
    bool overflowed_ = false;  // more symbols than are numbered
    uint64_t element_ = 0;
  };

  explicit FactorSearch(std::span<const artefact::Factor> factors);

  // Afterwards `notes` has the candidates. Notes may serve many searches, one at a time.
  void search(std::string_view element, Notes& notes) const;

  // Calls confirm(Window), last window first, until it returns true or there is no more.
  template <typename Confirm>
  static void for_each_window(const Notes& notes, uint32_t candidate, size_t element_size,
                              Confirm&& confirm) {
    const Notes::Sight& sight = notes.sights_[candidate];
    if (sight.reach == artefact::kNone || notes.places_used_ == Notes::kMostPlaces ||
        notes.overflowed_) {
      confirm(Window{0, static_cast<uint32_t>(element_size)});
      return;
    }
    uint32_t place = sight.last_place;
    while (place != artefact::kNone) {
      // A gram whose reach is bounded has two symbols or more: a match begins before the last.
      const uint32_t last = notes.places_[place].symbol;
      uint32_t first;
      do {
        const uint32_t symbol = notes.places_[place].symbol;
        first = symbol > sight.reach ? symbol - sight.reach : 0;
        place = notes.places_[place].before;
      } while (place != artefact::kNone && notes.places_[place].symbol >= first);
      if (confirm(Window{notes.offsets_[first], notes.offsets_[last] - 1})) return;
    }
  }

 private:
  struct Factor {
    uint32_t expression;
    uint8_t number;  // among those of its expression
    uint8_t least;
    uint8_t all;  // factors of its expression
    bool tells_place;
    uint32_t reach;  // of the one that tells the place; kNone: none does
  };
  struct Slot {
    artefact::Gram gram = artefact::kNone;
    uint32_t begin = 0, end = 0;  // of holders_
  };

  static uint32_t hash(artefact::Gram gram) { return gram * 0x9E3779B1U; }
  bool is_wanted(artefact::Gram gram) const {
    const uint32_t bit = hash(gram) >> wanted_shift_;
    return wanted_[bit / 64] >> (bit % 64) & 1;
  }
  void add_factors(std::span<const artefact::Factor> factors);
  void add_grams(std::span<const artefact::Factor> factors);
  const Slot* find(artefact::Gram gram) const;
  void see(artefact::Gram gram, Notes& notes) const;

  std::vector<Factor> factors_;
  std::vector<Factor> holders_;  // by gram
  std::vector<Slot> slots_;
  std::vector<uint64_t> wanted_;
  uint32_t slot_shift_ = 31;
  uint32_t wanted_shift_ = 26;
  uint32_t lengths_ = 0;  // bit set of the lengths of grams that are wanted
};

}  // namespace postern::scan
