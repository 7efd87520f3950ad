// Which connections something was said of, remembered in little memory, for a while.
//
// Theory of operation. Two Bloom filters (Bloom, "Space/time trade-offs in hash coding with
// allowable errors", 1970): what is said goes into the young one; when its time is up it becomes
// the old one and the old one, emptied, the young. A connection is thus remembered for one to two
// generations, and longer as long as it is asked about. An answer of no is never wrong; one of yes
// is for less than one in ten thousand, while there are forty bits for each that is remembered.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace postern::worker {

class ConnectionFilter {
 public:
  // `bits` is a power of two.
  ConnectionFilter(uint64_t bits, uint64_t generation_us)
      : mask_(bits - 1), generation_us_(generation_us), young_(bits / 64), old_(bits / 64) {}

  // `connection`: the keyed hash of its key. `now_us` never goes back.
  void insert(uint64_t connection, uint64_t now_us) {
    age(now_us);
    for (uint32_t i = 0; i < kProbes; ++i) young_[word(connection, i)] |= bit(connection, i);
  }
  bool contains(uint64_t connection, uint64_t now_us) {
    age(now_us);
    if (in(young_, connection)) return true;
    if (!in(old_, connection)) return false;
    insert(connection, now_us);
    return true;
  }

 private:
  static constexpr uint32_t kProbes = 4;

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
    if (began_us_ == 0) began_us_ = now_us;
    while (now_us - began_us_ >= generation_us_) {
      std::swap(young_, old_);
      young_.assign(young_.size(), 0);
      // After a long silence both are empty.
      began_us_ = now_us - began_us_ >= 2 * generation_us_ ? now_us - generation_us_
                                                           : began_us_ + generation_us_;
    }
  }

  uint64_t mask_;
  uint64_t generation_us_;
  uint64_t began_us_ = 0;
  std::vector<uint64_t> young_, old_;
};

}  // namespace postern::worker
