// An expression as Hyperscan shall search for it.
//
// Theory of operation. Header values are scanned one at a time, so anchors and word boundaries mean
// to Hyperscan what they mean to Perl. The texts of other targets come as many short elements
// (paragraphs, lines, URIs), which are scanned joined in one buffer, each ended by "\n\0\n":
//   - an anchor then means the bounds of an element. Anchors are compiled as multi-line ones, which
//     find every true hit and some false ones (an element may hold line ends of its own);
//   - an expression that can match both "\n" and "\0" could match over the join.
// Both kinds are confirmed by PCRE2 within the element. An expression with neither cannot tell the
// joined text from its elements, and Hyperscan's word is final.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "patterns/language/regexp.h"

namespace postern::compile {

inline constexpr std::string_view kElementJoint{"\0\n",
                                                2};  // after the "\n" that ends each element

struct HyperscanForm {
  std::string pattern;
  unsigned flags = 0;  // HS_FLAG_…
  bool needs_confirmation = false;
  uint32_t repetitions = 0;  // sum of the bounds of its repeats: what makes compiling dear
};

// `joined`: the text is scanned as joined elements.
HyperscanForm hyperscan_form(const language::Regexp& regexp, bool joined);

}  // namespace postern::compile
