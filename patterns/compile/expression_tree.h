// A regular expression as a tree of byte classes, for analysis.
//
// Theory of operation. What cannot be said in classes, sequences, choices and repeats becomes
// kAnything: the tree then stands for more than the expression matches, never for less. So do
// assertions (anchors, word boundaries, look-around): they only narrow what is matched, and are
// left out. The syntax is PCRE2's for bytes (pcre2pattern(3)).
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <vector>

#include "patterns/language/regexp.h"

namespace postern::compile {

struct ExpressionTree {
  enum class Kind : uint8_t { kEmpty, kClass, kSequence, kChoice, kRepeat, kAnything };
  static constexpr uint32_t kNoBound = UINT32_MAX;

  Kind kind = Kind::kEmpty;
  std::bitset<256> bytes;             // kClass
  uint32_t least = 0, most = 0;       // kRepeat
  std::vector<ExpressionTree> parts;  // kSequence, kChoice; kRepeat: one
};

// Nothing when the expression uses what this reader does not know.
std::optional<ExpressionTree> expression_tree(const language::Regexp& regexp);

}  // namespace postern::compile
