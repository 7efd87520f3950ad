#include "patterns/lists/list_table.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace postern::lists {
namespace {

constexpr uint64_t kMarks = 0xf;
constexpr size_t kHeaderWords = 2;
constexpr uint64_t kEntriesPerPlace = 8;
constexpr uint32_t kMostBits = 28;

uint32_t bits_for(uint64_t entries) {
  return entries <= kEntriesPerPlace
             ? 0
             : std::min<uint32_t>(kMostBits, static_cast<uint32_t>(
                                                 std::bit_width((entries - 1) / kEntriesPerPlace)));
}

size_t place_of(uint64_t first, uint32_t bits) { return bits == 0 ? 0 : first >> (64 - bits); }

size_t place_words(uint32_t bits) { return ((size_t{1} << bits) + 2) / 2; }

}  // namespace

Hash hash_of(std::string_view text) {
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return {hash.high64, hash.low64 & ~kMarks};
}

void ListBuilder::add(std::string_view text, uint8_t marks) {
  Hash hash = hash_of(text);
  hash.second |= marks;
  entries_.push_back(hash);
}

std::vector<uint64_t> ListBuilder::finish() {
  std::ranges::sort(entries_);
  size_t kept = 0;
  for (const Hash& entry : entries_) {
    if (kept > 0 && entries_[kept - 1].first == entry.first &&
        (entries_[kept - 1].second & ~kMarks) == (entry.second & ~kMarks)) {
      entries_[kept - 1].second |= entry.second & kMarks;
    } else {
      entries_[kept++] = entry;
    }
  }
  entries_.resize(kept);
  const uint32_t bits = bits_for(kept);
  std::vector<uint64_t> block(kHeaderWords + place_words(bits) + 2 * kept);
  block[0] = kept;
  block[1] = bits;
  auto* places = reinterpret_cast<uint32_t*>(block.data() + kHeaderWords);
  size_t place = 0;
  for (size_t i = 0; i < kept; ++i) {
    for (const size_t own = place_of(entries_[i].first, bits); place < own;)
      places[++place] = static_cast<uint32_t>(i);
  }
  while (place < size_t{1} << bits) places[++place] = static_cast<uint32_t>(kept);
  if (kept > 0) {
    std::memcpy(block.data() + kHeaderWords + place_words(bits), entries_.data(),
                kept * sizeof(Hash));
  }
  entries_ = {};
  return block;
}

std::expected<ListTable, std::string> ListTable::open(std::span<const uint64_t> block) {
  if (block.size() < kHeaderWords) return std::unexpected("a list ends too early");
  const uint64_t entries = block[0];
  if (entries > kMostEntries || block[1] > kMostBits)
    return std::unexpected("a list is larger than any compiler writes");
  ListTable table;
  table.bits_ = static_cast<uint32_t>(block[1]);
  const size_t before = kHeaderWords + place_words(table.bits_);
  if (block.size() != before + 2 * entries) return std::unexpected("a list has the wrong length");
  table.places_ = reinterpret_cast<const uint32_t*>(block.data() + kHeaderWords);
  const std::span places(table.places_, (size_t{1} << table.bits_) + 1);
  if (places.front() != 0 || places.back() != entries || !std::ranges::is_sorted(places))
    return std::unexpected("a list's places are not in order");
  table.entries_ = block.subspan(before);
  return table;
}

uint8_t ListTable::marks(const Hash& hash) const {
  if (entries_.empty()) return 0;
  const size_t place = place_of(hash.first, bits_);
  for (size_t i = places_[place]; i < places_[place + 1]; ++i) {
    if (entries_[2 * i] == hash.first && (entries_[2 * i + 1] & ~kMarks) == hash.second)
      return static_cast<uint8_t>(entries_[2 * i + 1] & kMarks);
  }
  return 0;
}

}  // namespace postern::lists
