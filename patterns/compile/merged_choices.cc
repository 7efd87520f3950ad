#include "patterns/compile/merged_choices.h"

#include <algorithm>
#include <bit>

#include "patterns/artefact/gram.h"

namespace postern::compile {
namespace {

using Kind = ExpressionTree::Kind;
using Word = std::vector<uint32_t>;  // of sets of symbols

uint32_t symbols_of(const std::bitset<256>& bytes) {
  uint32_t symbols = 0;
  for (size_t c = 0; c < bytes.size(); ++c)
    if (bytes[c]) symbols |= 1U << artefact::kSymbolOf[c];
  return symbols;
}

std::bitset<256> bytes_of(uint32_t symbols) {
  std::bitset<256> bytes;
  for (size_t c = 0; c < bytes.size(); ++c) bytes[c] = symbols >> artefact::kSymbolOf[c] & 1;
  return bytes;
}

bool is_run(uint32_t symbols) {
  return std::has_single_bit(symbols) &&
         artefact::is_folded_run(static_cast<uint32_t>(std::countr_zero(symbols)));
}

bool same(const ExpressionTree& a, const ExpressionTree& b) {
  return a.kind == b.kind && a.bytes == b.bytes && a.least == b.least && a.most == b.most &&
         std::ranges::equal(a.parts, b.parts, same);
}

// Whether the tree is a sequence of classes, and which.
bool read_word(const ExpressionTree& tree, Word& out) {
  if (tree.kind == Kind::kClass) {
    out.push_back(symbols_of(tree.bytes));
    return true;
  }
  return tree.kind == Kind::kSequence &&
         std::ranges::all_of(tree.parts,
                             [&](const ExpressionTree& part) { return read_word(part, out); });
}

ExpressionTree class_of(uint32_t symbols) {
  ExpressionTree tree;
  tree.kind = Kind::kClass;
  tree.bytes = bytes_of(symbols);
  return tree;
}

ExpressionTree sequence_of(std::vector<ExpressionTree> parts) {
  if (parts.size() == 1) return std::move(parts[0]);
  ExpressionTree tree;
  tree.kind = parts.empty() ? Kind::kEmpty : Kind::kSequence;
  tree.parts = std::move(parts);
  return tree;
}

// Takes `other` into `word` when both together are one word.
bool merge(Word& word, const Word& other) {
  if (word.size() != other.size()) return false;
  size_t different = 0;
  bool covers = true;
  bool is_covered = true;
  for (size_t i = 0; i < word.size(); ++i) {
    different += word[i] != other[i] ? 1 : 0;
    covers = covers && (other[i] & ~word[i]) == 0;
    is_covered = is_covered && (word[i] & ~other[i]) == 0;
  }
  if (different > 1 && !covers && !is_covered) return false;
  for (size_t i = 0; i < word.size(); ++i) word[i] |= other[i];
  return true;
}

void merge_all(std::vector<Word>& words) {
  for (bool again = true; again;) {
    again = false;
    for (size_t i = 0; i < words.size(); ++i) {
      for (size_t k = words.size(); k-- > i + 1;) {
        if (!merge(words[i], words[k])) continue;
        words.erase(words.begin() + static_cast<ptrdiff_t>(k));
        again = true;
      }
    }
  }
}

ExpressionTree merged_sequence(const ExpressionTree& tree) {
  std::vector<ExpressionTree> parts;
  const auto add = [&](ExpressionTree part) {
    const bool repeats = !parts.empty() && part.kind == Kind::kClass && same(parts.back(), part) &&
                         is_run(symbols_of(part.bytes));
    if (!repeats) parts.push_back(std::move(part));
  };
  for (const ExpressionTree& each : tree.parts) {
    ExpressionTree part = merged_choices(each);
    if (part.kind == Kind::kSequence) {
      for (ExpressionTree& inner : part.parts) add(std::move(inner));
    } else if (part.kind != Kind::kEmpty) {
      add(std::move(part));
    }
  }
  return sequence_of(std::move(parts));
}

ExpressionTree merged_choice(const ExpressionTree& tree) {
  std::vector<Word> words;
  ExpressionTree out;
  out.kind = Kind::kChoice;
  const auto add = [&](ExpressionTree part) {
    Word word;
    if (part.kind != Kind::kEmpty && read_word(part, word)) {
      words.push_back(std::move(word));
    } else if (std::ranges::none_of(
                   out.parts, [&](const ExpressionTree& known) { return same(known, part); })) {
      out.parts.push_back(std::move(part));
    }
  };
  for (const ExpressionTree& each : tree.parts) {
    ExpressionTree part = merged_choices(each);
    if (part.kind != Kind::kChoice) {
      add(std::move(part));
      continue;
    }
    for (ExpressionTree& inner : part.parts) add(std::move(inner));
  }
  merge_all(words);
  for (const Word& word : words) {
    std::vector<ExpressionTree> parts;
    for (uint32_t symbols : word) parts.push_back(class_of(symbols));
    out.parts.push_back(sequence_of(std::move(parts)));
  }
  if (out.parts.size() == 1) return std::move(out.parts[0]);
  return out;
}

}  // namespace

ExpressionTree merged_choices(const ExpressionTree& tree) {
  switch (tree.kind) {
    case Kind::kClass:
      return class_of(symbols_of(tree.bytes));
    case Kind::kSequence:
      return merged_sequence(tree);
    case Kind::kChoice:
      return merged_choice(tree);
    case Kind::kRepeat: {
      ExpressionTree out = tree;
      out.parts[0] = merged_choices(tree.parts[0]);
      return out;
    }
    default:
      return tree;
  }
}

}  // namespace postern::compile
