// Our own end of a connection whose other end is the client: what speaks once a message has been
// refused, or from the start when the sender is blocked (RFC 9293).
//
// Theory of operation. We have a few hundred bytes to say, less than one segment. So all that the
// client has not acknowledged travels in every segment we send: whenever the client sends anything
// that takes sequence space (new, repeated or too early), and when our own timer runs out. A reply
// is therefore never lost to loss: the client's retransmission draws it again. We take the client's
// bytes in order only; what comes early is dropped, and the client sends it again.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/ip.h"
#include "dataplane/packet/forge.h"
#include "dataplane/packet/frame.h"
#include "dataplane/packet/parse.h"
#include "dataplane/packet/seq.h"

namespace postern::tcp {

class Endpoint {
 public:
  static constexpr uint32_t kTextBytes = 1024;
  // What a path of any kind carries: 1,280 bytes (RFC 8200 5).
  static constexpr uint16_t kMaximumSegmentSize = 1220;
  static constexpr uint64_t kFirstTimeoutUs = 1'000'000;  // RFC 6298 2.1
  static constexpr int kTimeouts = 6;                     // 1 s doubling: about a minute

  struct Start {
    IpAddress local, remote;  // the server, whose part we play, and the client
    uint16_t local_port = 0, remote_port = 0;
    packet::LinkHeader link;      // of frames towards the client
    packet::SeqNum send_next;     // the first byte we shall say
    packet::SeqNum receive_next;  // the client's next byte
    uint16_t window = 0;          // as on the wire: the server's last, already scaled its way
    // Ours: the server's last timestamp value and when it was seen. Absent: not negotiated.
    std::optional<packet::Timestamps> timestamps;
    uint64_t timestamps_seen_us = 0;
  };
  void begin(const Start& start);

  // Queues text behind what is queued already. False when there is no room: nothing is queued.
  bool say(std::string_view text);
  // After the text queued so far the connection is closed from our side (FIN).
  void finish();

  // A segment of the client. Returns its new in-order payload (valid as long as the frame), takes
  // its acknowledgement and FIN. Sets what answer_due() says.
  std::span<const uint8_t> receive(const packet::Frame& frame, const packet::TcpPacket& tcp);
  // The segment just received, or something queued, wants a segment of ours.
  bool answer_due() const { return answer_due_; }
  // A segment with everything unacknowledged; null when no frame is free (the timer tries again).
  packet::Frame* segment(packet::FrameSource& frames, uint64_t monotonic_us);
  // When the timer next wants a segment; 0: nothing is unacknowledged, or we have tried enough.
  uint64_t timeout_us() const { return timeout_us_; }
  // To be called at that time: the wait doubles (RFC 6298 5.5).
  void timed_out(uint64_t monotonic_us);

  packet::SeqNum receive_next() const { return receive_next_; }
  bool all_acknowledged() const { return used_ == 0 && (!fin_queued_ || fin_acknowledged_); }
  bool client_finished() const { return client_finished_; }
  // Both sides have closed, or we have given up.
  bool over() const { return (fin_acknowledged_ && client_finished_) || timeouts_ > kTimeouts; }

 private:
  void take_acknowledgement(packet::SeqNum ack);

  Start start_;
  packet::SeqNum send_unacknowledged_;
  packet::SeqNum receive_next_;
  uint16_t used_ = 0;
  bool fin_queued_ = false, fin_acknowledged_ = false, client_finished_ = false;
  bool answer_due_ = false;
  uint8_t timeouts_ = 0;
  uint64_t timeout_us_ = 0;
  uint32_t echo_ = 0;
  std::array<char, kTextBytes> text_;
};

}  // namespace postern::tcp
