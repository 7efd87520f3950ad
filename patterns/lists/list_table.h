// An exact set of texts, millions of them, as one block of memory that is read in place.
//
// Theory of operation. Of each text only its hash is kept: XXH3, 128 bits, of which the lower four
// of the second word are given up for marks. Entries are sorted by their hash and found through a
// table of where those with equal first bits begin, about eight to a place: two cache misses. The
// block is little-endian words of eight octets:
//
//   0  entries n
//   1  bits b of the first word that choose a place
//   2  2^b + 1 numbers of 32 bits: where each place's entries begin, n at last; filled up to a word
//   then n entries of two words
//
// It depends on the entries alone and not on their order, so that a set compiles to the same file.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postern::lists {

// What is said of a text. Of names: the name itself, or those below it.
enum Mark : uint8_t {
  kListed = 1 << 0,
  kListedBelow = 1 << 1,
  kExcluded = 1 << 2,
  kExcludedBelow = 1 << 3,
};

struct Hash {
  uint64_t first = 0;
  uint64_t second = 0;  // the lower four bits are zero
  auto operator<=>(const Hash&) const = default;
};
Hash hash_of(std::string_view text);

inline constexpr uint64_t kMostEntries = 200'000'000;

// Gathers entries and makes the block of them.
class ListBuilder {
 public:
  void reserve(size_t entries) { entries_.reserve(entries); }
  void add(std::string_view text, uint8_t marks);
  size_t size() const { return entries_.size(); }
  // Equal texts become one entry with all their marks. The builder is empty afterwards.
  std::vector<uint64_t> finish();

 private:
  std::vector<Hash> entries_;  // the marks in the lower bits
};

class ListTable {
 public:
  ListTable() = default;
  // The block is used in place and must outlive the table. The error says what is wrong with it.
  static std::expected<ListTable, std::string> open(std::span<const uint64_t> block);

  uint64_t size() const { return entries_.size() / 2; }
  // The marks of a text, 0 when it is not there. Allocates nothing.
  uint8_t marks(const Hash& hash) const;

 private:
  std::span<const uint64_t> entries_;
  const uint32_t* places_ = nullptr;
  uint32_t bits_ = 0;
};

}  // namespace postern::lists
