// What an attacker sends in place of an honest stretch of a TCP stream.
//
// Theory of operation. The honest octets are cut into segments; around them come other segments
// that claim the same sequence numbers with other octets, or that one receiver takes and another
// drops. The order is then disturbed. Which octets a receiver ends up with depends on its reading
// of all that, and the game is to find a middlebox whose reading differs. Everything comes from the
// random generator: the same seed, the same plan.
#pragma once

#include <bitset>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/wire/attack_frame.h"

namespace postern::wire {

// X(enumerator, name)
#define POSTERN_ATTACKS(X)                 \
  X(kOverlapBefore, "overlap_before")      \
  X(kOverlapAfter, "overlap_after")        \
  X(kOverlapInside, "overlap_inside")      \
  X(kOverlapAround, "overlap_around")      \
  X(kOverlapEqual, "overlap_equal")        \
  X(kChangedAfterAck, "changed_after_ack") \
  X(kResegmented, "resegmented")           \
  X(kOneOctet, "one_octet_segments")       \
  X(kOutOfOrder, "out_of_order")           \
  X(kDataOnSyn, "data_on_syn")             \
  X(kUrgent, "urgent")                     \
  X(kFinAhead, "fin_ahead_of_data")        \
  X(kAfterFin, "data_after_fin")           \
  X(kSequenceWrap, "sequence_wrap")        \
  X(kOldTimestamp, "old_timestamp")        \
  X(kTcpChecksum, "tcp_checksum")          \
  X(kIpChecksum, "ip_checksum")            \
  X(kExpiresEarly, "expires_early")        \
  X(kMd5Option, "md5_option")              \
  X(kBrokenOption, "broken_option")        \
  X(kTrailer, "ethernet_trailer")          \
  X(kIpOptions, "ip_options")              \
  X(kAtomicFragment, "atomic_fragment")    \
  X(kNoAck, "no_ack_flag")                 \
  X(kFutureAck, "future_ack")              \
  X(kResetOutside, "reset_outside_window") \
  X(kResetInside, "reset_inside_window")   \
  X(kFinOutside, "fin_outside_window")     \
  X(kSynInside, "syn_in_connection")       \
  X(kSynAck, "syn_ack_from_client")        \
  X(kKeepAlive, "keep_alive")              \
  X(kWindowProbe, "window_probe")          \
  X(kSmuggledEnd, "second_end_of_data")    \
  X(kTupleReuse, "tuple_reuse")

enum class Attack : uint8_t {
#define X(enumerator, name) enumerator,
  POSTERN_ATTACKS(X)
#undef X
      kCount
};
inline constexpr std::string_view kAttackNames[] = {
#define X(enumerator, name) name,
    POSTERN_ATTACKS(X)
#undef X
};
using Attacks = std::bitset<static_cast<size_t>(Attack::kCount)>;

struct Shot {
  int64_t at = 0;  // where in the stream; 0 is its first octet
  std::string payload;
  uint8_t flags = kAck;
  uint16_t urgent = 0;
  Oddity oddity = Oddity::kNone;
  bool old_timestamp = false;
  int32_t ack_shift = 0;
  bool wait_first = false;  // until the receiver has acknowledged what it will
};

class Planner {
 public:
  explicit Planner(uint64_t seed);

  std::mt19937_64& random() { return random_; }
  bool chance(double probability) { return std::bernoulli_distribution(probability)(random_); }
  size_t number(size_t least, size_t most) {
    return std::uniform_int_distribution<size_t>(least, most)(random_);
  }
  // Text of `octets`, in lines of ordinary words, with dots at some line starts as they travel.
  std::string text(size_t octets);
  // What every filter takes for spam.
  static std::string spam_line();
  // The shots for [begin, end) of the stream; `may_finish`: a FIN may stand among them.
  std::vector<Shot> attack(std::string_view stream, size_t begin, bool may_finish);
  // As many octets that are not those.
  std::string changed(std::string_view honest);

  // Whether changed octets may end the message early, so that what follows is read as commands.
  bool breaks_lines() const { return smuggles_ || wild_; }

  Attacks used;

 private:
  void mark(Attack attack) { used.set(static_cast<size_t>(attack)); }
  void add_twins(std::vector<Shot>& shots, std::string_view stream, size_t begin, size_t from,
                 size_t to);
  Shot oddly(Shot shot);
  Shot stray(std::string_view stream, size_t begin);
  void disturb_order(std::vector<Shot>& shots);

  std::mt19937_64 random_;
  double twin_chance_, odd_chance_, stray_chance_;
  bool smuggles_, wild_;
};

}  // namespace postern::wire
