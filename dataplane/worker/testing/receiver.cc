#include "dataplane/worker/testing/receiver.h"

namespace postern::worker::testing {

using packet::SeqNum;

Habits Habits::linux_like(bool last_copy_wins) { return {.last_copy_wins = last_copy_wins}; }

Habits Habits::lenient(bool last_copy_wins, Choices& choices) {
  const uint32_t bits = choices.below(512);
  return {.last_copy_wins = last_copy_wins,
          .verifies_checksum = (bits & 1) != 0,
          .drops_old_timestamps = (bits & 2) != 0,
          .removes_urgent = (bits & 4) != 0,
          .requires_ack = (bits & 8) != 0,
          .keeps_to_window = (bits & 16) != 0,
          .keeps_early_fin = (bits & 32) != 0,
          .fin_before_data = (bits & 64) != 0,
          .ignores_syn_data = (bits & 128) != 0,
          .ignores_old_syn = (bits & 256) != 0};
}

void Receiver::open(const Habits& habits, SeqNum first_byte) {
  habits_ = habits;
  first_ = first_byte;
  next_ = 0;
  finished_ = false;
  recent_timestamp_.reset();
  present_.reset();
  urgent_.reset();
  fin_.reset();
  read_.clear();
}

bool Receiver::timely(const Segment& segment) {
  if (!segment.timestamps) return true;
  const uint32_t value = segment.timestamps->value;
  if (recent_timestamp_ && static_cast<int32_t>(value - *recent_timestamp_) < 0) {
    return !habits_.drops_old_timestamps;
  }
  if (segment.seq <= next()) recent_timestamp_ = value;
  return true;
}

bool Receiver::receive(const Segment& segment, bool checksums_right, uint32_t window) {
  if (finished_) return false;
  if (habits_.verifies_checksum && !checksums_right) return false;
  if (habits_.requires_ack && !segment.has(packet::kAck) && !segment.has(packet::kSyn)) {
    return false;
  }
  if (!timely(segment)) return false;
  int32_t at = segment.seq - first_;
  if (segment.has(packet::kSyn)) {
    const bool opening = at == -1 && next_ == 0;
    if (opening ? habits_.ignores_syn_data : habits_.ignores_old_syn || at >= next_) return false;
    ++at;  // the SYN itself takes one
  }
  const auto length = static_cast<int32_t>(segment.payload.size());
  const int32_t limit = habits_.keeps_to_window ? next_ + static_cast<int32_t>(window) : kReach;
  if (at > kReach || at < -(1 << 30)) return false;
  for (int32_t i = 0; i < length; ++i) {
    const int32_t to = at + i;
    if (to < next_ || to >= limit || to >= kReach) continue;
    const auto offset = static_cast<size_t>(to);
    if (present_[offset] && !habits_.last_copy_wins) continue;
    present_.set(offset);
    octets_[offset] = static_cast<uint8_t>(segment.payload[static_cast<size_t>(i)]);
  }
  if (segment.has(packet::kUrg) && segment.urgent_pointer > 0 && habits_.removes_urgent) {
    // The pointer names the octet behind the urgent one, as nearly all hosts read it (RFC 6093 2).
    const int32_t urgent = at + segment.urgent_pointer - 1;
    if (urgent >= next_ && urgent < kReach) urgent_.set(static_cast<size_t>(urgent));
  }
  const int32_t end = at + length;
  const bool fin = segment.has(packet::kFin) && end >= next_ && end <= limit && end < kReach;
  if (fin && habits_.keeps_early_fin) fin_.set(static_cast<size_t>(end));
  const bool in_order = at <= next_;
  if (fin && in_order) fin_.set(static_cast<size_t>(end));
  advance();
  return true;
}

void Receiver::advance() {
  while (!finished_ && next_ < kReach) {
    const auto at = static_cast<size_t>(next_);
    if (fin_[at] && (habits_.fin_before_data || !present_[at])) {
      finished_ = true;
      ++next_;
      return;
    }
    if (!present_[at]) return;
    if (!urgent_[at]) read_ += static_cast<char>(octets_[at]);
    ++next_;
  }
}

}  // namespace postern::worker::testing
