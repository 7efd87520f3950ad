// Blocked senders that knock: their SYN is answered by us, and nothing is kept of it.
//
// Theory of operation. The initial sequence number of our SYN-ACK is a keyed hash of the connection
// and the minute (SYN cookies, RFC 4987 3.6), so the ACK that completes the handshake proves by
// itself that we asked for it; only then does the connection cost a flow. We offer neither window
// scaling nor SACK, so there is nothing else to remember; whether timestamps were agreed on shows
// in the ACK. In our protocol the server speaks first: a client whose ACK is lost would wait for
// our greeting in vain, so a SYN-ACK is repeated from a bounded queue while no connection has come
// of it. The queue full, SYN-ACKs are not repeated.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "dataplane/counters.h"
#include "dataplane/packet/forge.h"
#include "dataplane/packet/parse.h"
#include "dataplane/time.h"

namespace postern::worker {

class Transmitter;

class SynAnswers {
 public:
  // `repeats`: SYN-ACKs that can wait for their repetition.
  SynAnswers(uint32_t repeats, packet::FrameSource* frames, Transmitter* transmitter,
             Counters* counters);

  // Sends a SYN-ACK back to where the SYN came from. `connection`: the keyed hash of its key.
  void answer(const packet::Frame& frame, const packet::TcpPacket& syn, packet::Side arrived,
              uint64_t connection, const Now& now);
  // True when this segment acknowledges a SYN-ACK that we said to this connection.
  bool completes(const packet::TcpPacket& segment, uint64_t connection, const Now& now) const;
  // The value that our timestamps on this connection have now.
  uint32_t timestamp(uint64_t connection, const Now& now) const;
  // Repeats what is due, a bounded number. `connected(connection)` tells what need not be.
  template <typename Connected>
  void repeat(const Now& now, Connected&& connected);

 private:
  static constexpr uint64_t kRepeatAfterUs = 1'000'000;  // RFC 6298 2.1
  static constexpr uint8_t kRepetitions = 3;
  static constexpr uint32_t kAtOnce = 32;

  struct SynAck {
    uint64_t connection, due_us;
    packet::LinkHeader link;
    packet::SeqNum initial, acknowledged;
    IpAddress from, to;
    uint16_t from_port, to_port;
    std::optional<uint32_t> timestamp_echo;
    packet::Side out;
    uint8_t repetitions_left;
  };
  packet::SeqNum cookie(uint64_t connection, packet::SeqNum client_initial, uint64_t period) const;
  void send(const SynAck& syn_ack, const Now& now);
  void queue(const SynAck& syn_ack);

  std::array<uint8_t, 16> secret_;
  packet::FrameSource* frames_;
  Transmitter* transmitter_;
  Counters* counters_;
  // All wait equally long, so the order of arrival is the order in which they are due.
  std::vector<SynAck> waiting_;
  size_t first_ = 0, count_ = 0;
};

template <typename Connected>
void SynAnswers::repeat(const Now& now, Connected&& connected) {
  for (uint32_t n = 0; n < kAtOnce && count_ > 0; ++n) {
    SynAck syn_ack = waiting_[first_];
    if (syn_ack.due_us > now.monotonic_us) return;
    first_ = (first_ + 1) % waiting_.size();
    --count_;
    if (connected(syn_ack.connection)) continue;
    send(syn_ack, now);
    syn_ack.due_us = now.monotonic_us + kRepeatAfterUs;
    if (--syn_ack.repetitions_left > 0) queue(syn_ack);
  }
}

}  // namespace postern::worker
