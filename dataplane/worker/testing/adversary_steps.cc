// What the client does in a message's text: one odd thing at a time, and any of them spoilt.
#include <algorithm>

#include "dataplane/worker/testing/adversary.h"

namespace postern::worker::testing {

using packet::kAck;
using packet::kFin;
using packet::kPsh;
using packet::kRst;
using packet::kSyn;
using packet::kUrg;
using packet::SeqNum;

void Adversary::step() {
  using Step = void (Adversary::*)();
  // As often as they stand here.
  static constexpr Step kSteps[] = {&Adversary::send_next,
                                    &Adversary::send_next,
                                    &Adversary::send_next,
                                    &Adversary::send_next,
                                    &Adversary::send_next,
                                    &Adversary::send_next,
                                    &Adversary::send_ahead,
                                    &Adversary::send_ahead,
                                    &Adversary::send_ahead,
                                    &Adversary::send_ahead,
                                    &Adversary::send_overlap,
                                    &Adversary::send_overlap,
                                    &Adversary::send_overlap,
                                    &Adversary::send_overlap,
                                    &Adversary::send_overlap,
                                    &Adversary::send_changed,
                                    &Adversary::send_changed,
                                    &Adversary::send_resegmented,
                                    &Adversary::send_bytes_singly,
                                    &Adversary::send_keep_alive,
                                    &Adversary::turn_window,
                                    &Adversary::send_finish,
                                    &Adversary::send_after_finish,
                                    &Adversary::send_reset,
                                    &Adversary::send_syn,
                                    &Adversary::replay,
                                    &Adversary::replay,
                                    &Adversary::replay_server,
                                    &Adversary::let_time_pass,
                                    &Adversary::release_late,
                                    &Adversary::release_late,
                                    &Adversary::foreign_syn,
                                    &Adversary::forge_server};
  (this->*kSteps[choices_.below(std::size(kSteps))])();
}

// `length` octets of a copy; fewer at its end.
Segment Adversary::data(uint32_t offset, uint32_t octets, uint32_t copy) const {
  Segment made{.seq = number(offset), .ack = server_next_, .flags = kAck, .payload = {}};
  if (timestamps_) made.timestamps = packet::Timestamps{clock_, 1};
  if (octets > 0 && offset < length()) {
    made.payload = copies_[copy].substr(offset, octets);
    made.flags |= kPsh;
  }
  return made;
}

void Adversary::send(Segment segment) {
  clock_ += choices_.below(3);
  if (segment.timestamps) segment.timestamps->value = clock_;
  spoil(segment);
  if (choices_.one_in(6)) segment.ack = segment.ack + (0u - choices_.below(40));
  carry(segment, Side::kInside);
  // What the client means to have sent.
  const int32_t offset = segment.seq - number(0);
  const auto octets = static_cast<int32_t>(segment.payload.size());
  if (octets == 0 || offset < 0 || offset + octets > static_cast<int32_t>(length())) return;
  const Range range{static_cast<uint32_t>(offset), static_cast<uint32_t>(offset + octets)};
  sent_ = std::max(sent_, range.end);
  if (ranges_.size() == 16) ranges_.erase(ranges_.begin());
  ranges_.push_back(range);
}

void Adversary::spoil(Segment& s) {
  if (choices_.below(4) != 0) return;
  const auto octets = static_cast<uint32_t>(s.payload.size());
  switch (choices_.below(12)) {
    case 0:
      if (octets == 0) return;
      count(Oddity::kUrgent);
      s.flags |= kUrg;
      s.urgent_pointer = static_cast<uint16_t>(1 + choices_.below(octets + 2));
      return;
    case 1:
      count(Oddity::kBadTcpChecksum);
      s.bad_tcp_checksum = true;
      return;
    case 2:
      if (!path_.client.is_v4()) return;
      count(Oddity::kBadIpChecksum);
      s.bad_ip_checksum = true;
      return;
    case 3:
    case 4:
    case 5:
      s.hops = static_cast<uint8_t>(1 + choices_.below(4));
      return;
    case 6:
    case 7:
      if (!s.timestamps) return;
      count(Oddity::kOldTimestamp);
      s.timestamps->value -= 1 + choices_.below(1000);
      return;
    case 8:
      if (!s.timestamps) return;
      count(Oddity::kNoTimestamp);
      s.timestamps.reset();
      return;
    case 9:
      count(Oddity::kNoAck);
      s.flags = static_cast<uint8_t>(s.flags & ~kAck);
      return;
    case 10:
      count(Oddity::kAckUnsent);
      s.ack = s.ack + 1 + choices_.below(3000);
      return;
    default:
      count(Oddity::kDamaged);
      s.damaged_octet = choices_.below(128);
      s.damage = static_cast<uint8_t>(1u << choices_.below(8));
      return;
  }
}

void Adversary::send_next() { send(data(sent_, 1 + choices_.below(24), any_copy())); }

void Adversary::send_ahead() {
  const uint32_t gap = 1 + choices_.below(12);
  if (sent_ + gap >= length()) return send_overlap();
  count(Oddity::kAheadOfGap);
  const uint32_t before = sent_;
  send(data(sent_ + gap, 1 + choices_.below(20), any_copy()));
  // The gap is filled by and by, or at once.
  if (choices_.one_in(2)) sent_ = before;
}

void Adversary::send_overlap() {
  if (ranges_.empty()) return send_next();
  const Range old = ranges_[choices_.below(static_cast<uint32_t>(ranges_.size()))];
  const uint32_t octets = old.end - old.begin;
  const uint32_t less = choices_.below(octets), more = 1 + choices_.below(8);
  const uint32_t front = std::min(old.begin - preamble_, more);
  Range now = old;
  const uint32_t kind = choices_.below(5);
  switch (kind) {
    case 1:  // inside
      if (octets < 3) break;
      now = {old.begin + 1 + less / 2, old.end - 1};
      if (now.begin >= now.end) now = {old.begin + 1, old.end - 1};
      break;
    case 2:  // around
      now = {old.begin - front, old.end + more};
      break;
    case 3:  // over the beginning
      now = {old.begin - front, old.end - less};
      break;
    case 4:  // over the end
      now = {old.begin + less, old.end + more};
      break;
    default:
      break;
  }
  // The table has the arrangements in this order, those behind a gap first.
  const bool ahead = number(old.begin) > host_.own().next();
  count(static_cast<Oddity>(static_cast<uint32_t>(Oddity::kOverlapEqualAhead) + kind +
                            (ahead ? 0 : 5)));
  send(data(now.begin, now.end - now.begin, any_copy()));
}

void Adversary::send_changed() {
  const bool acknowledged = choices_.one_in(3) || acknowledged_ >= sent_;
  const uint32_t begin = acknowledged ? preamble_ : std::max(acknowledged_, preamble_);
  const uint32_t end = acknowledged ? std::max(acknowledged_, preamble_) : sent_;
  if (begin >= end) return send_next();
  count(acknowledged ? Oddity::kChangedAcknowledged : Oddity::kChangedUnacknowledged);
  const uint32_t at = begin + choices_.below(end - begin);
  send(data(at, 1 + choices_.below(30), any_copy()));
}

void Adversary::send_resegmented() {
  count(Oddity::kResegmented);
  const uint32_t copy = any_copy();
  for (uint32_t at = acknowledged_; at < sent_ && wrong_.empty();) {
    const uint32_t octets = 1 + choices_.below(30);
    send(data(at, octets, copy));
    at += octets;
  }
}

void Adversary::send_bytes_singly() {
  count(Oddity::kOneByte);
  uint32_t at = choices_.one_in(2) ? sent_ : std::max(acknowledged_, preamble_);
  for (uint32_t n = 2 + choices_.below(5); n > 0 && at < length() && wrong_.empty(); --n) {
    send(data(at++, 1, any_copy()));
  }
}

// RFC 9293 3.8.4: one before what the server expects, with or without an octet.
void Adversary::send_keep_alive() {
  const uint32_t next = choices_.one_in(2) ? acknowledged_ : sent_;
  Segment probe = data(next - 1, 0, 0);
  if (chance(2, Oddity::kKeepAliveGarbage)) {
    probe.payload.push_back('?');
  } else {
    count(Oddity::kKeepAlive);
  }
  send(probe);
}

void Adversary::turn_window() {
  if (host_.window != 0) {
    count(Oddity::kZeroWindow);
    host_.window = static_cast<uint16_t>(choices_.one_in(2) ? 0 : choices_.below(40));
    return host_.speak();
  }
  count(Oddity::kWindowProbe);
  send(data(acknowledged_, 1 + choices_.below(2), any_copy()));
  if (choices_.one_in(2)) return;
  host_.window = static_cast<uint16_t>(choices_.one_in(2) ? 65535 : 64);
  host_.speak();
}

void Adversary::send_finish() {
  const uint32_t kind = choices_.below(5);
  uint32_t at = sent_;
  if (kind == 2) at = std::min(length(), sent_ + 1 + choices_.below(12));
  if (kind == 3) at = std::max(acknowledged_, preamble_);
  Segment segment = data(at, choices_.below(12), any_copy());
  segment.flags |= kFin;
  if (kind == 4) segment.seq = segment.seq + 70'000 + choices_.below(65536) * 30'000;
  count(kind == 2   ? Oddity::kFinAhead
        : kind == 3 ? Oddity::kFinBefore
        : kind == 4 ? Oddity::kFinOutside
                    : Oddity::kFin);
  if (kind != 4) finish_at_ = at + static_cast<uint32_t>(segment.payload.size());
  send(std::move(segment));
}

void Adversary::send_after_finish() {
  if (!finish_at_) return choices_.one_in(3) ? send_finish() : send_next();
  count(Oddity::kAfterFin);
  send(data(*finish_at_ + choices_.below(3), 1 + choices_.below(8), any_copy()));
}

void Adversary::send_reset() {
  const SeqNum next = choices_.one_in(2) ? number(acknowledged_) : number(sent_);
  Segment segment = data(0, 0, 0);
  segment.flags = static_cast<uint8_t>(kRst | (choices_.one_in(2) ? kAck : 0));
  switch (choices_.below(6)) {
    case 0:
      count(Oddity::kResetExact);
      segment.seq = next;
      break;
    case 1:
    case 2:
      count(Oddity::kResetInside);
      segment.seq = next + 1 + choices_.below(200);
      break;
    case 3:
      count(Oddity::kResetEdge);
      segment.seq = next + host_.window + (0u - choices_.below(2));
      break;
    default:
      count(Oddity::kResetOutside);
      segment.seq = next + (choices_.one_in(2) ? 0u - 1u - choices_.below(3000)
                                               : 70'000 + choices_.below(65536) * 30'000);
  }
  if (choices_.one_in(4)) segment.payload = "reset";
  send(std::move(segment));
}

void Adversary::send_syn() {
  const uint32_t kind = choices_.below(4);
  Segment segment = data(sent_, choices_.below(16), any_copy());
  segment.flags = kSyn;
  if (kind == 0) {
    count(Oddity::kSynInside);
    segment.seq = segment.seq + choices_.below(100);
    if (choices_.one_in(2)) segment.payload.clear();
  } else if (kind < 3) {
    // Its SYN stands on an octet that the server may have; data of its own place or not.
    count(segment.payload.empty() ? Oddity::kSynOld : Oddity::kSynOldData);
    segment.seq = choices_.one_in(3) ? initial_ : segment.seq + (0u - 1u - choices_.below(4));
  } else {
    count(Oddity::kSynAckInside);
    segment.flags |= kAck;
    segment.seq = segment.seq + (0u - choices_.below(4));
  }
  if (choices_.one_in(4)) segment.flags |= kAck;
  if (chance(8, Oddity::kSynFin)) segment.flags |= kFin;
  send(std::move(segment));
}

// The client's own words in the server's name: an acknowledgement of what it has not got, a reply,
// a handshake's answer, an end.
void Adversary::forge_server() {
  count(Oddity::kServerForged);
  Segment forged{.seq = server_next_, .ack = number(sent_), .flags = kAck, .payload = {}};
  switch (choices_.below(4)) {
    case 0:
      forged.flags = kSyn | kAck;
      forged.seq = {choices_.below(65536)};
      forged.ack = number(choices_.one_in(2) ? 0 : sent_);
      break;
    case 1:
      forged.payload = "354 go on\r\n";
      break;
    case 2:
      forged.flags = static_cast<uint8_t>(kAck | (choices_.one_in(2) ? kRst : kFin));
      break;
    default:
      break;
  }
  if (timestamps_) forged.timestamps = packet::Timestamps{clock_, clock_};
  if (verbose) show("server(forged)", forged);
  put(forged, false, Side::kInside);
}

void Adversary::replay() {
  if (client_log_.empty()) return;
  count(Oddity::kReplayed);
  const Segment again = client_log_[choices_.below(static_cast<uint32_t>(client_log_.size()))];
  carry(again, Side::kInside);
}

void Adversary::replay_server() {
  if (server_log_.empty()) return;
  count(Oddity::kServerReplayed);
  carry(server_log_[choices_.below(static_cast<uint32_t>(server_log_.size()))], Side::kOutside);
}

void Adversary::let_time_pass() {
  count(Oddity::kTime);
  static constexpr uint32_t kSeconds[] = {1, 1, 2, 5, 16, 16, 61};
  pass(kSeconds[choices_.below(std::size(kSeconds))] * 1000);
  if (choices_.one_in(2)) host_.repeat();
}

void Adversary::release_late() {
  while (!late_.empty() && wrong_.empty()) {
    const size_t which = choices_.below(static_cast<uint32_t>(late_.size()));
    const Late late = late_[which];
    late_.erase(late_.begin() + static_cast<ptrdiff_t>(which));
    host_.receive(late.segment, late.right);
    blame(referee_.judge(host_));
  }
}

// The old connection is ended in one way or another, or not at all.
void Adversary::reconnect() {
  // What is late behind us belongs to the old connection: TCP waits for it to die (RFC 9293 3.4.3).
  release_late();
  count(Oddity::kReconnected);
  const uint32_t way = choices_.below(4);
  if (way == 0 && host_.state() != MailHost::State::kListening) {
    count(Oddity::kReconnectedLive);
  } else if (way == 1) {
    carry({.seq = host_.own().next(), .ack = {}, .flags = kRst, .payload = {}}, Side::kInside);
  }
  if (connect() && reach_text()) impaired_ = true;
}

}  // namespace postern::worker::testing
