// The timestamps of one direction of a connection, as seen from the middle of the wire (RFC 7323).
#pragma once

#include <cstdint>

#include "dataplane/packet/seq.h"

namespace postern::tcp {

class TimestampClock {
 public:
  bool running() const { return running_; }
  // The newest value seen: what forged segments go on from.
  uint32_t latest() const { return latest_; }

  // True when its receiver discards a segment with this value (5.3, R1: protection against wrapped
  // sequence numbers). A RST is never discarded for that.
  bool old_duplicate(uint32_t value) const { return running_ && behind(value, recent_); }

  // A segment from `begin` to before `end` went by, its receiver having acknowledged all before
  // `acknowledged`. What the receiver remembers changes only with a segment that reaches to what it
  // expects (4.3): so we never know a newer value than the receiver may.
  void note(uint32_t value, packet::SeqNum begin, packet::SeqNum end, packet::SeqNum acknowledged) {
    if (!running_) {
      running_ = true;
      recent_ = latest_ = value;
      return;
    }
    if (!behind(value, latest_)) latest_ = value;
    if (begin <= acknowledged && acknowledged <= end && !behind(value, recent_)) recent_ = value;
  }

 private:
  static bool behind(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) < 0; }

  uint32_t recent_ = 0;  // TS.Recent
  uint32_t latest_ = 0;
  bool running_ = false;
};

}  // namespace postern::tcp
