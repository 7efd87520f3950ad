#include "dataplane/tcp/endpoint.h"

#include <algorithm>
#include <cstring>

namespace postern::tcp {

using packet::SeqNum;

void Endpoint::begin(const Start& start) {
  start_ = start;
  send_unacknowledged_ = start.send_next;
  receive_next_ = start.receive_next;
  used_ = 0;
  fin_queued_ = fin_acknowledged_ = client_finished_ = answer_due_ = false;
  timeouts_ = 0;
  timeout_us_ = 0;
  echo_ = start.timestamps ? start.timestamps->echo : 0;
}

bool Endpoint::say(std::string_view text) {
  if (fin_queued_ || text.size() > kTextBytes - used_) return false;
  std::copy(text.begin(), text.end(), text_.data() + used_);
  used_ = static_cast<uint16_t>(used_ + text.size());
  answer_due_ = true;
  return true;
}

void Endpoint::finish() {
  if (fin_queued_) return;
  fin_queued_ = true;
  answer_due_ = true;
}

void Endpoint::take_acknowledgement(SeqNum ack) {
  const int32_t fresh = ack - send_unacknowledged_;
  const int32_t outstanding = used_ + (fin_queued_ && !fin_acknowledged_ ? 1 : 0);
  if (fresh <= 0 || fresh > outstanding) return;
  const auto text = static_cast<uint16_t>(std::min<int32_t>(fresh, used_));
  std::memmove(text_.data(), text_.data() + text, used_ - text);
  used_ = static_cast<uint16_t>(used_ - text);
  send_unacknowledged_ = send_unacknowledged_ + static_cast<uint32_t>(fresh);
  if (fresh > text) fin_acknowledged_ = true;
  timeouts_ = 0;
  timeout_us_ = 0;
  if (!all_acknowledged()) answer_due_ = true;
}

std::span<const uint8_t> Endpoint::receive(const packet::Frame& frame,
                                           const packet::TcpPacket& tcp) {
  if (tcp.has(packet::kAck)) take_acknowledgement(tcp.ack);
  const uint32_t length = tcp.sequence_length();
  if (length == 0) {
    // A keep-alive or window probe stands before what we expect and wants an answer.
    if (tcp.seq < receive_next_) answer_due_ = true;
    return {};
  }
  answer_due_ = true;
  if (start_.timestamps && tcp.seq <= receive_next_) {
    if (const auto theirs = packet::parse_timestamps(frame, tcp)) echo_ = theirs->value;
  }
  if (tcp.seq > receive_next_ || tcp.seq + length <= receive_next_) return {};
  const auto known = static_cast<uint32_t>(receive_next_ - tcp.seq);
  const auto payload = tcp.payload(frame);
  if (tcp.has(packet::kFin)) client_finished_ = true;
  receive_next_ = tcp.seq + length;
  return known < payload.size() ? payload.subspan(known) : std::span<const uint8_t>{};
}

packet::Frame* Endpoint::segment(packet::FrameSource& frames, uint64_t monotonic_us) {
  packet::ForgedSegment s{.source = start_.local,
                          .destination = start_.remote,
                          .source_port = start_.local_port,
                          .destination_port = start_.remote_port,
                          .seq = send_unacknowledged_,
                          .ack = receive_next_,
                          .flags = packet::kAck,
                          .window = start_.window,
                          .maximum_segment_size = {},
                          .timestamps = {},
                          .payload = {text_.data(), used_}};
  if (used_ > 0) s.flags |= packet::kPsh;
  if (fin_queued_ && !fin_acknowledged_) s.flags |= packet::kFin;
  if (start_.timestamps) {
    // A millisecond clock that goes on from the server's: never behind it (RFC 7323 5.4).
    const uint64_t elapsed_ms = (monotonic_us - start_.timestamps_seen_us) / 1000;
    s.timestamps =
        packet::Timestamps{start_.timestamps->value + static_cast<uint32_t>(elapsed_ms), echo_};
  }
  packet::Frame* frame = packet::forge(frames, start_.link, s);
  if (frame != nullptr) answer_due_ = false;
  if (!all_acknowledged() && timeout_us_ == 0 && timeouts_ <= kTimeouts) {
    timeout_us_ = monotonic_us + (kFirstTimeoutUs << timeouts_);
  }
  return frame;
}

void Endpoint::timed_out(uint64_t monotonic_us) {
  timeout_us_ = 0;
  if (all_acknowledged()) return;
  ++timeouts_;
  answer_due_ = timeouts_ <= kTimeouts;
  if (answer_due_) timeout_us_ = monotonic_us + (kFirstTimeoutUs << timeouts_);
}

}  // namespace postern::tcp
