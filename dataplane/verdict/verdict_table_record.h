// What the writer and the readers of a verdict table share: its records and how they are found.
#pragma once

#include <cstring>

#include "dataplane/verdict/verdict_table.h"

namespace postern::verdict {

// One cache line. The reader's part is constant while the record is linked, `next` and the bucket
// aside; the last three are the writer's own.
struct alignas(64) VerdictTable::Record {
  uint64_t high, low;
  uint8_t length;
  Treatment treatment;
  StartTls starttls;
  Switch of;
  uint32_t messages_per_minute;
  uint64_t case_reference;
  uint64_t expires_unix_s;
  mutable ThrottleBucket bucket;
  Link next;
  uint32_t
      next_unlinked;  // in the list of retired or of free records: readers may still need `next`
  uint32_t pass : 31;
  uint32_t linked : 1;

  Key key() const { return {high, low, length, of}; }
  Verdict verdict() const {
    return {treatment,
            messages_per_minute,
            CaseReference{case_reference},
            treatment == Treatment::kThrottle ? &bucket : nullptr,
            starttls,
            of};
  }
  bool says(const PrefixVerdict& v) const {
    return treatment == v.treatment && messages_per_minute == v.messages_per_minute &&
           case_reference == v.case_reference.number && expires_unix_s == v.expires_unix_s &&
           starttls == v.starttls;
  }
};

inline uint64_t big_endian_word(const uint8_t* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return __builtin_bswap64(word);
}

// Clears all but the first `length` of 128 bits.
inline void mask_words(uint64_t& high, uint64_t& low, unsigned length) {
  high = length == 0 ? 0 : length >= 64 ? high : high & ~uint64_t{0} << (64 - length);
  low = length <= 64 ? 0 : length == 128 ? low : low & ~uint64_t{0} << (128 - length);
}

inline bool in_v4_space(uint64_t high, uint64_t low) { return high == 0 && low >> 32 == 0xffff; }

// Place of an IPv4 address, given by its low word, in what is kept for each /16.
inline size_t sixteen_of(uint64_t low) { return low >> 16 & 0xffff; }

inline uint64_t folded_product(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// The low bits choose the chain, the top ones the bit in its `tags`.
inline uint64_t VerdictTable::hash(uint64_t high, uint64_t low, unsigned length) const {
  return folded_product(folded_product(high ^ secret_[0], low ^ secret_[1]) ^ length,
                        secret_[2] | 1);
}

inline uint32_t tag_of(uint64_t hash) { return uint32_t{1} << (hash >> 59); }

}  // namespace postern::verdict
