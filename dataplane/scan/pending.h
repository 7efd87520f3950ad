// Places in a message where expressions may match that need not be known yet.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "dataplane/scan/element_buffer.h"
#include "dataplane/scan/factor_search.h"
#include "patterns/artefact/artefact.h"

namespace postern::scan {

// Fixed memory, one thread. The texts stay where they are until clear().
class Pending {
 public:
  static constexpr uint32_t kMostPlaces = 8192;  // of one message

  Pending() : noted_(std::make_unique_for_overwrite<Noted[]>(kMostPlaces)) {}
  // For so many expressions; never less than before.
  void prepare(size_t expressions) {
    if (latest_.size() < expressions) latest_.resize(expressions, artefact::kNone);
  }
  struct Place {
    std::string_view element;
    FactorSearch::Trace trace{};              // of a factored expression
    const ElementBuffer* elements = nullptr;  // all of them in place of one
    bool has_subject = false;                 // the first of them is the message's subject
  };

  bool has_room() const { return count_ < kMostPlaces; }
  void add(uint32_t expression, const Place& place) {
    noted_[count_] = {place, expression, latest_[expression]};
    latest_[expression] = count_++;
  }
  bool any(uint32_t expression) const { return latest_[expression] != artefact::kNone; }
  uint32_t count() const { return count_; }
  uint32_t expression(uint32_t number) const { return noted_[number].expression; }
  // Takes one of the expression's places out; there is one.
  const Place& take(uint32_t expression) {
    const Noted& noted = noted_[latest_[expression]];
    latest_[expression] = noted.before;
    return noted.place;
  }
  void drop(uint32_t expression) { latest_[expression] = artefact::kNone; }
  void clear() {
    for (uint32_t i = 0; i < count_; ++i) drop(noted_[i].expression);
    count_ = 0;
  }

 private:
  struct Noted {
    Place place;
    uint32_t expression;
    uint32_t before;  // the expression's place before this one
  };
  std::unique_ptr<Noted[]> noted_;
  std::vector<uint32_t> latest_;  // by expression
  uint32_t count_ = 0;
};

}  // namespace postern::scan
