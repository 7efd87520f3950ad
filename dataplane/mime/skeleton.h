// Text folded to what a human eye takes it for: the skeleton, on which a word is one literal
// however it is dressed up.
//
// What the folding does, in this order, to one paragraph of body():
//  1. Letters. Full-width, mathematical, enclosed and accented letters and those of other scripts
//     that look like Latin ones become small Latin letters, ligatures their letters (see
//     letter_folds.h); combining marks, zero-width and other unseen characters go; other capitals
//     become small.
//  2. Digits in words. One to three of 0 1 3 4 5 7 @ $ ! with a letter right before and right
//     after them become o i e a s t a s i: "v1agr4s" is "viagras", "2024", "b2" and "h264" stay,
//     and so does the "@" of an address ("bob@host.example").
//  3. Letters that stand alone. Where at least three single letters or digits follow each other,
//     between each two of them one to three characters that are neither, those between go:
//     "v i a g r a", "v.i.a.g.r.a" and "v - i - a - g - r - a" are "viagra". What stands before the
//     first and behind the last stays. Two words that are spelt so, one blank between them as
//     between letters, become one.
// The rest stays: blanks, punctuation, digits, characters that look like no Latin letter.
//
// Theory of operation. Each paragraph is folded by itself, in a buffer of the folder: nothing is
// remembered from one to the next. ASCII is folded sixteen octets at a time; masks
// of the letters of 64 octets tell most paragraphs that have none that stand alone.
#pragma once

#include <array>
#include <string_view>

#include "dataplane/mime/letter_folds.h"

namespace postern::mime {

class Skeleton {
 public:
  static constexpr size_t kParagraphBytes = 2049;  // of body(); what is more is not folded

  // `paragraph`: well-formed UTF-8. The result is, too; it is valid until the next call.
  std::string_view fold(std::string_view paragraph);

 private:
  void fold_letters(std::string_view paragraph);
  bool is_address(size_t at, size_t end) const;
  void fold_digits();
  void join_letters();
  void put(uint32_t fold);

  const LetterFolds& folds_ = LetterFolds::table();
  size_t size_ = 0;
  bool digits_ = false;  // one that may stand for a letter is there
  // A character of two octets becomes three at most.
  std::array<char, kParagraphBytes * 3 / 2 + 64> text_;
};

}  // namespace postern::mime
