// Which connections something was said of, remembered in little memory, for a while.
//
// Theory of operation. Two Bloom filters (Bloom, "Space/time trade-offs in hash coding with
// allowable errors", 1970): what is said goes into the young one; when its time is up it becomes
// the old one, and a third, emptied bit by bit meanwhile, the young. A connection is thus
// remembered for one to two generations, and longer as long as it is asked about. An answer of no
// is never wrong; one of yes is for less than one in ten thousand, while there are forty bits for
// each that is remembered.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace postern::worker {

class ConnectionFilter {
 public:
  // `bits` is a power of two, at least 64. A generation of UINT64_MAX never ends.
  ConnectionFilter(uint64_t bits, uint64_t generation_us)
      : mask_(bits - 1),
        generation_us_(generation_us),
        young_(bits / 64),
        old_(generation_us == UINT64_MAX ? 0 : bits / 64),
        next_(old_.size()),
        emptied_(next_.size()) {}

  // `connection`: the keyed hash of its key. `now_us` never goes back.
  void insert(uint64_t connection, uint64_t now_us) {
    age(now_us);
    for (uint32_t i = 0; i < kProbes; ++i) young_[word(connection, i)] |= bit(connection, i);
  }
  bool contains(uint64_t connection, uint64_t now_us) {
    age(now_us);
    if (in(young_, connection)) return true;
    if (old_.empty() || !in(old_, connection)) return false;
    insert(connection, now_us);
    return true;
  }

 private:
  static constexpr uint32_t kProbes = 4;
  static constexpr size_t kWordsAtOnce = 64;

  // Double hashing (Kirsch and Mitzenmacher, "Less hashing, same performance", 2006).
  uint64_t position(uint64_t connection, uint32_t i) const {
    return ((connection & 0xffffffff) + i * (connection >> 32 | 1)) & mask_;
  }
  size_t word(uint64_t connection, uint32_t i) const { return position(connection, i) / 64; }
  uint64_t bit(uint64_t connection, uint32_t i) const {
    return uint64_t{1} << (position(connection, i) % 64);
  }
  bool in(const std::vector<uint64_t>& filter, uint64_t connection) const {
    for (uint32_t i = 0; i < kProbes; ++i) {
      if ((filter[word(connection, i)] & bit(connection, i)) == 0) return false;
    }
    return true;
  }
  void age(uint64_t now_us) {
    if (old_.empty()) return;
    if (began_us_ == 0) began_us_ = now_us;
    empty_some(kWordsAtOnce);
    // After a long silence both are over.
    for (int turns = 0; turns < 2 && now_us - began_us_ >= generation_us_; ++turns) {
      empty_some(next_.size());
      std::swap(old_, next_);   // the old one is to be emptied
      std::swap(old_, young_);  // the young one is the old one now, the emptied one the young
      emptied_ = 0;
      began_us_ += generation_us_;
    }
    if (now_us - began_us_ >= generation_us_) began_us_ = now_us;
  }
  void empty_some(size_t words) {
    const size_t end = std::min(emptied_ + words, next_.size());
    std::fill(next_.begin() + static_cast<ptrdiff_t>(emptied_),
              next_.begin() + static_cast<ptrdiff_t>(end), 0);
    emptied_ = end;
  }

  uint64_t mask_;
  uint64_t generation_us_;
  uint64_t began_us_ = 0;
  std::vector<uint64_t> young_, old_, next_;
  size_t emptied_;  // words of next_
};

}  // namespace postern::worker
