// What a meta rule's value can be while some of its rules are not known yet.
//
// Theory of operation. The code runs over intervals instead of values. Where all operands of an
// instruction are known the result is what it always is; else it is what any values within the
// operands' bounds can give. So a conjunction with one side 0 is 0 whatever the others are, and a
// sum of rules that may all be hit is known to be less than their number. What is not known names a
// rule that would bring it nearer: of all those that matter, the cheapest one whose likely answer
// decides. What is open is likely to be no hit.
#pragma once

#include <cstdint>
#include <span>

#include "patterns/artefact/artefact.h"

namespace postern::scan {

// All zeros: the value is known to be 0.
struct Bounds {
  double least;
  double most;
  bool open;     // the value is not known; else both bounds are the value
  bool nonzero;  // surely not 0; also of a value that is not known

  static Bounds of(double value) { return {value, value, false, value != 0}; }
  static Bounds between(double least, double most) {
    return {least, most, true, least > 0 || most < 0};
  }
  bool is_zero() const { return !open && !nonzero; }
};

struct MetaBounds {
  Bounds value;
  uint32_t ask;  // a rule that is not known and matters; kNone: the value is known
  bool likely;   // to be nonzero
};

// `rules` and `prices` by rule, as many as the code refers to. A value that is not finite is 0.
MetaBounds bounds_of(const artefact::Meta& meta, std::span<const Bounds> rules,
                     std::span<const float> prices);

}  // namespace postern::scan
