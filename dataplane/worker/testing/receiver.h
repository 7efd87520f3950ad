// A model of how a host puts a TCP byte stream together, in each of the ways that real ones differ
// in.
//
// Theory of operation. Octets are kept by their offset in the stream until they are in order; then
// the application reads them. Which copy of an octet counts, and which segments count at all, is a
// matter of habit. Postern must be right whatever the habits are.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <string>

#include "dataplane/worker/testing/choices.h"
#include "dataplane/worker/testing/segment.h"

namespace postern::worker::testing {

struct Habits {
  bool last_copy_wins = false;
  // What Linux does; a lenient receiver may do without each.
  bool verifies_checksum = true;
  bool drops_old_timestamps = true;  // RFC 7323 5
  bool removes_urgent = true;        // the urgent octet is no part of the stream (RFC 6093 3.1)
  bool requires_ack = true;          // a segment without ACK is dropped (RFC 9293 3.10.7.4)
  bool keeps_to_window = true;
  bool keeps_early_fin = true;   // a FIN behind a gap counts once the gap is closed
  bool fin_before_data = true;   // where both stand at one offset
  bool ignores_syn_data = true;  // data on the opening SYN (RFC 9293 3.4 allows it)
  bool ignores_old_syn = true;   // else: the SYN is cut off, what is behind it read (RFC 9293
                                 // 3.10.7.4: "trimmed to fit into the window")
  static Habits linux_like(bool last_copy_wins);
  static Habits lenient(bool last_copy_wins, Choices& choices);
};

class Receiver {
 public:
  // Offsets behind this are beyond everything that a session sends.
  static constexpr int32_t kReach = 1024;

  void open(const Habits& habits, packet::SeqNum first_byte);
  // A segment that the host takes for one of this connection. False: it did not count at all.
  bool receive(const Segment& segment, bool checksums_right, uint32_t window);
  // The host's connection is over: nothing is read any more.
  void stop() { finished_ = true; }

  const std::string& read() const { return read_; }
  packet::SeqNum next() const { return first_ + static_cast<uint32_t>(next_); }
  bool finished() const { return finished_; }  // the FIN is read, or the host has stopped
  const Habits& habits() const { return habits_; }

 private:
  bool timely(const Segment& segment);
  void advance();

  Habits habits_;
  packet::SeqNum first_;
  int32_t next_ = 0;
  bool finished_ = false;
  std::optional<uint32_t> recent_timestamp_;
  std::array<uint8_t, kReach> octets_;
  std::bitset<kReach> present_, urgent_, fin_;
  std::string read_;
};

}  // namespace postern::worker::testing
