#include "dataplane/worker/testing/mail_host.h"

#include <algorithm>
#include <cstdlib>

namespace postern::worker::testing {

using packet::kAck;
using packet::kFin;
using packet::kPsh;
using packet::kRst;
using packet::kSyn;
using packet::SeqNum;

MailHost::MailHost(Choices& choices)
    : choices_(choices), challenges_(!choices.one_in(3)), own_(choices.below(4)) {
  habits_ = {Habits::linux_like(false), Habits::linux_like(true), Habits::lenient(false, choices),
             Habits::lenient(true, choices)};
}

Segment MailHost::segment(SeqNum seq, uint8_t flags) {
  Segment made{.seq = seq, .ack = own().next(), .flags = flags, .window = window, .payload = {}};
  if (timestamps_) made.timestamps = packet::Timestamps{++clock_, echo_};
  return made;
}

void MailHost::receive(const Segment& s, bool right) {
  if (s.hops < kHopsAway) return;
  const bool counts = right || !habits_[own_].verifies_checksum;
  switch (state_) {
    case State::kListening:
      if (!counts || s.has(kRst)) return;
      if (s.has(kAck)) return refuse(s);
      if (s.has(kSyn)) open(s, right);
      return;
    case State::kSynReceived:
      if (counts) opening(s, right);
      return;
    case State::kEstablished:
      established(s, right, counts);
      return;
  }
}

// RFC 9293 3.10.7.1: what belongs to no connection is answered with a RST where its ACK points.
void MailHost::refuse(const Segment& s) {
  ++resets_sent_;
  outgoing.push_back({.seq = s.ack, .ack = {}, .flags = kRst, .payload = {}});
}

void MailHost::open(const Segment& syn, bool right) {
  ++connections_;
  state_ = State::kSynReceived;
  their_initial_ = syn.seq;
  // Never near an earlier connection's (RFC 9293 3.4.1).
  our_initial_ = connections_ > 1     ? our_initial_ + (1u << 22) + choices_.below(65536)
                 : choices_.one_in(3) ? SeqNum{0u - choices_.below(64)}
                                      : SeqNum{choices_.below(65536) * 40503u};
  timestamps_ = syn.timestamps.has_value();
  echo_ = timestamps_ ? syn.timestamps->value : 0;
  said_.clear();
  sent_ = acknowledged_ = read_up_to_ = text_at_ = chunk_size_ = 0;
  closing_ = in_text_ = false;
  text_ = Text::kNone;
  for (size_t i = 0; i < receivers_.size(); ++i) {
    receivers_[i].open(habits_[i], syn.seq + 1);
    receivers_[i].receive(syn, right, window);
  }
  answer_syn();
}

void MailHost::answer_syn() {
  Segment made = segment(our_initial_, kSyn | kAck);
  outgoing.push_back(std::move(made));
}

void MailHost::give_up_opening() {
  if (state_ == State::kSynReceived) end();
}

void MailHost::end() {
  state_ = State::kListening;
  for (Receiver& receiver : receivers_) receiver.stop();
}

void MailHost::opening(const Segment& s, bool right) {
  const int32_t at = s.seq - own().next();
  if (s.has(kRst)) {
    if (at == 0 || (!challenges_ && at > 0 && at < window)) end();
    return;
  }
  if (s.has(kSyn)) {
    if (s.seq == their_initial_ && !s.has(kAck)) return answer_syn();
    if (challenges_) return outgoing.push_back(segment(our_initial_ + 1, kAck));
    return end();
  }
  if (!s.has(kAck)) return;
  if (s.ack != our_initial_ + 1) return refuse(s);
  state_ = State::kEstablished;
  said_ = "220 mx.example ESMTP\r\n";
  established(s, right, true);
}

void MailHost::established(const Segment& s, bool right, bool counts) {
  const int32_t at = s.seq - own().next();
  const bool in_window = at >= 0 && at < std::max<int32_t>(window, 1);
  if (s.has(kRst)) {
    if (!counts || !in_window) return;
    if (at != 0 && challenges_) return speak();
    return end();
  }
  if (s.has(kSyn)) {
    if (challenges_ || !counts) return speak();
    if (in_window) {
      refuse(s);
      return end();
    }
  }
  if (s.has(kAck) && counts && !acknowledgement_makes_sense(s)) return speak();
  for (Receiver& receiver : receivers_) receiver.receive(s, right, window);
  if (s.timestamps && at <= 0) echo_ = s.timestamps->value;
  if (own().finished()) {
    for (Receiver& receiver : receivers_) receiver.stop();
  }
  progress();
  if (closing_ && acknowledged_ == said_.size() + 1) end();
}

bool MailHost::acknowledgement_makes_sense(const Segment& s) {
  const int32_t acknowledged = s.ack - (our_initial_ + 1);
  if (acknowledged > static_cast<int32_t>(sent_)) return !challenges_;
  if (acknowledged > 0) acknowledged_ = std::max(acknowledged_, static_cast<size_t>(acknowledged));
  return true;
}

void MailHost::speak() {
  if (state_ != State::kEstablished) return;
  const size_t from = std::min(sent_, said_.size());
  Segment made = segment(our_initial_ + 1 + static_cast<uint32_t>(from), kAck);
  made.payload = said_.substr(from);
  if (!made.payload.empty()) made.flags |= kPsh;
  if (closing_) made.flags |= kFin;
  sent_ = said_.size() + closing_;
  outgoing.push_back(std::move(made));
}

void MailHost::repeat() {
  if (state_ == State::kSynReceived) return answer_syn();
  sent_ = acknowledged_;
  speak();
}

std::optional<std::string_view> MailHost::delivered(const Receiver& receiver) const {
  if (text_ == Text::kNone || receiver.read().size() < text_at_) return {};
  const std::string_view text = std::string_view(receiver.read()).substr(text_at_);
  if (text_ == Text::kChunk) {
    if (text.size() < chunk_size_) return {};
    return text.substr(0, chunk_size_);
  }
  if (text.starts_with(".\r\n")) return text.substr(0, 0);
  const size_t end = text.find("\r\n.\r\n");
  if (end == std::string_view::npos) return {};
  return text.substr(0, end + 2);
}

void MailHost::progress() {
  const std::string& read = own().read();
  while (read_up_to_ < read.size()) {
    if (in_text_) {
      const auto message = delivered(own());
      if (!message) break;
      read_up_to_ = text_at_ + message->size() + (text_ == Text::kLines ? 3 : 0);
      in_text_ = false;
      said_ += "250 2.0.0 queued\r\n";
      continue;
    }
    const size_t end = read.find('\n', read_up_to_);
    if (end == std::string::npos) break;
    const std::string_view line(read.data() + read_up_to_, end + 1 - read_up_to_);
    read_up_to_ = end + 1;
    obey(line);
  }
  if (own().finished()) closing_ = true;
}

void MailHost::obey(std::string_view line) {
  if (text_ == Text::kNone && (line.starts_with("DATA") || line.starts_with("BDAT"))) {
    text_ = line.starts_with("DATA") ? Text::kLines : Text::kChunk;
    if (text_ == Text::kLines) said_ += "354 go on\r\n";
    if (text_ == Text::kChunk) chunk_size_ = static_cast<size_t>(std::atoi(line.data() + 5));
    in_text_ = true;
    text_at_ = read_up_to_;
    return;
  }
  if (line.starts_with("EHLO")) {
    said_ += "250-mx.example\r\n250-PIPELINING\r\n250 CHUNKING\r\n";
  } else if (line.starts_with("MAIL") || line.starts_with("RCPT") || line.starts_with("NOOP")) {
    said_ += "250 2.0.0 ok\r\n";
  } else {
    said_ += "500 5.5.1 what\r\n";
  }
}

}  // namespace postern::worker::testing
