#include "tests/wire/attack_session.h"

#include <fmt/format.h>

#include <algorithm>

namespace postern::wire {
namespace {

using std::chrono::milliseconds;

constexpr size_t kSegmentBytes = 1400;
constexpr size_t kWindowBytes = 24'000;  // in one volley of catching up
constexpr unsigned kStallsMost = 60;
constexpr unsigned kStallsAfterFin = 25;  // or for what may be our own fault
constexpr unsigned kSynsMost = 60;        // an overloaded gate may drop some
constexpr unsigned kLeavingMost = 5;
constexpr unsigned kRepeatsMost = 8;

uint64_t mixed(uint64_t seed, uint64_t number) {
  // SplitMix64's finisher: neighbouring sessions have nothing in common.
  uint64_t z = seed * 0x9e3779b97f4a7c15 + number + 1;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

}  // namespace

AttackSession::AttackSession(uint64_t seed, uint64_t number, const Endpoints& ends, Send send)
    : seed_(seed),
      number_(number),
      ends_(ends),
      send_(std::move(send)),
      planner_(mixed(seed, number)) {
  timestamps_ = planner_.chance(0.7);
  slow_reader_ = planner_.chance(0.06);
  abandons_ = planner_.chance(0.25);
  reuses_ = planner_.chance(0.1);
}

void AttackSession::plan_conversation() {
  const auto say = [&](std::string octets, int usual = 250) {
    stretches_.push_back(
        {.octets = std::move(octets), .attacked = planner_.chance(0.15), .usual = usual});
  };
  say(fmt::format("EHLO {}.customer.example\r\n", slow_reader_ ? "slow" : "client"));
  const size_t messages = planner_.chance(0.15) ? 2 : 1;
  for (size_t i = 0; i < messages; ++i) {
    say(fmt::format("MAIL FROM:<attacker{}@customer.example>\r\n", number_));
    say("RCPT TO:<reader@internet.example>\r\n");
    say("DATA\r\n", 354);
    // Once the window is shut, what does not fit is lost.
    const size_t octets =
        slow_reader_ ? planner_.number(20'000, 40'000) : planner_.number(200, 6000);
    std::string head = fmt::format(
        "From: <attacker{0}@customer.example>\r\nSubject: number {0}.{1}\r\n\r\n", number_, i);
    const bool whole = !abandons_ && planner_.chance(0.3);
    std::string body = head + planner_.text(octets);
    const bool last_is_abandoned = abandons_ && i + 1 == messages;
    // Some are refused.
    if (planner_.chance(0.2)) body += planner_.spam_line();
    if (whole) body += ".\r\n";
    stretches_.push_back({std::move(body), true, whole, whole});
    if (last_is_abandoned) break;
    if (!whole) stretches_.push_back({".\r\n", planner_.chance(0.6), true, true});
  }
  if (!abandons_ && planner_.chance(0.7)) say("QUIT\r\n", 221);
}

void AttackSession::begin(Clock::time_point now) {
  now_ = now;
  if (step_ == Step::kConnecting && initial_ == 0) began_ = now;
  if (initial_ != 0) {
    // Behind the old connection's numbers: an old server would take an earlier one for a stray.
    initial_ += static_cast<uint32_t>(stream_.size()) + 100'000;
  } else if (planner_.chance(0.3)) {
    initial_ = 0xffffffffu - static_cast<uint32_t>(planner_.number(0, 3000));
    // Close below the wrap of sequence numbers.
    planner_.used.set(static_cast<size_t>(Attack::kSequenceWrap));
  } else {
    initial_ = static_cast<uint32_t>(planner_.number(1, 0x7fffffff));
  }
  stream_.clear();
  acknowledged_ = 0;
  server_finished_ = finished_early_ = server_timestamps_ = false;
  heard_.clear();
  replies_.clear();
  stretches_.clear();
  plan_conversation();
  step_ = Step::kConnecting;
  stalls_ = 0;
  Segment syn{.seq = initial_, .flags = kSyn, .offers_sack = true};
  if (timestamps_) syn.timestamps = Timestamps{clock_ms(), 0};
  if (planner_.chance(0.1)) {
    planner_.used.set(static_cast<size_t>(Attack::kDataOnSyn));
    syn.payload = "EHLO early.customer.example\r\nMAIL FROM:<early@customer.example>\r\n";
  }
  send_(build_frame(ends_, syn));
  rest(milliseconds(300));
}

uint32_t AttackSession::clock_ms() const {
  return 0x10000000 +
         static_cast<uint32_t>(
             std::chrono::duration_cast<milliseconds>(now_.time_since_epoch()).count());
}

void AttackSession::emit(Segment segment) {
  if (server_timestamps_ && !segment.timestamps) {
    segment.timestamps = Timestamps{clock_ms(), server_timestamp_};
  }
  segment.ack += server_next_;
  send_(build_frame(ends_, segment));
}

void AttackSession::arrived(const Arrived& s, Clock::time_point now) {
  now_ = now;
  if (step_ == Step::kOver) return;
  if ((s.flags & kRst) != 0) {
    // One that answers a stray segment of ours stands elsewhere.
    if (step_ == Step::kConnecting || s.seq == server_next_) {
      reset_seen_ = true;
      finish("reset");
    }
    return;
  }
  if (step_ == Step::kConnecting) {
    if ((s.flags & kAck) != 0 && s.ack != initial_ + 1) {
      // The server still has the connection before this one (RFC 9293 3.10.7.3).
      return send_(build_frame(ends_, {.seq = s.ack, .flags = kRst}));
    }
    if ((s.flags & (kSyn | kAck)) != (kSyn | kAck)) return;
    server_next_ = s.seq + 1;
    server_timestamps_ = s.timestamps.has_value() && timestamps_;
    if (s.timestamps) server_timestamp_ = s.timestamps->value;
    emit({.seq = initial_ + 1});
    step_ = Step::kListening;
    current_ = {.usual = 220};
    rest(milliseconds(3000));
    return;
  }
  if ((s.flags & kSyn) != 0) {
    // Our acknowledgement was lost.
    return emit({.seq = initial_ + 1 + static_cast<uint32_t>(stream_.size())});
  }
  if (s.timestamps && s.seq == server_next_) server_timestamp_ = s.timestamps->value;
  const auto fresh =
      static_cast<int32_t>(s.ack - (initial_ + 1 + static_cast<uint32_t>(acknowledged_)));
  if ((s.flags & kAck) != 0 && fresh > 0 && fresh <= unacknowledged() + 1) {
    acknowledged_ = std::min(acknowledged_ + fresh, static_cast<int64_t>(stream_.size()));
  }
  const bool has_more = !s.payload.empty() || (s.flags & kFin) != 0;
  if (has_more && s.seq == server_next_) {
    server_next_ += static_cast<uint32_t>(s.payload.size());
    heard_ += s.payload;
    if ((s.flags & kFin) != 0) {
      ++server_next_;
      server_finished_ = true;
    }
    read_replies();
  }
  if (has_more) emit({.seq = initial_ + 1 + static_cast<uint32_t>(stream_.size())});
  if (step_ == Step::kListening || step_ == Step::kCatchingUp || step_ == Step::kLeaving) tick(now);
}

void AttackSession::read_replies() {
  for (size_t end; (end = heard_.find("\r\n")) != std::string::npos; heard_.erase(0, end + 2)) {
    if (end >= 4 && heard_[3] == ' ') replies_.push_back(std::atoi(heard_.c_str()));
  }
}

void AttackSession::tick(Clock::time_point now) {
  now_ = now;
  switch (step_) {
    case Step::kConnecting:
      if (now_ < due_) return;
      if (++stalls_ > kSynsMost) return finish("no answer");
      {
        Segment syn{.seq = initial_, .flags = kSyn, .offers_sack = true};
        if (timestamps_) syn.timestamps = Timestamps{clock_ms(), 0};
        send_(build_frame(ends_, syn));
      }
      return rest(milliseconds(300));
    case Step::kTalking:
      return next_stretch();
    case Step::kShooting:
      return shoot();
    case Step::kCatchingUp:
      return catch_up();
    case Step::kListening:
      return listened();
    case Step::kLeaving:
      if (server_finished_) return finish(how_);
      if (now_ < due_) return;
      if (++stalls_ > kLeavingMost) {
        // The FIN contradicts octets sent behind it: one of the two is not believed.
        emit({.seq = initial_ + 1 + static_cast<uint32_t>(acknowledged_), .flags = kRst | kAck});
        return finish(how_);
      }
      emit({.seq = initial_ + static_cast<uint32_t>(stream_.size()), .flags = kFin | kAck});
      return rest(milliseconds(400));
    case Step::kOver:
      return;
  }
}

void AttackSession::next_stretch() {
  if (stretches_.empty()) return leave();
  current_ = std::move(stretches_.front());
  stretches_.pop_front();
  repeats_ = 0;
  const size_t begin = stream_.size();
  stream_ += current_.octets;
  stalls_ = 0;
  acknowledged_before_ = acknowledged_;
  if (current_.attacked) {
    shots_ = planner_.attack(stream_, begin, abandons_ && stretches_.empty());
    next_shot_ = 0;
    waited_ = false;
    step_ = Step::kShooting;
    return shoot();
  }
  step_ = Step::kCatchingUp;
  due_ = now_;
  catch_up();
}

void AttackSession::shoot() {
  if (now_ < due_ && waited_) return;
  // In volleys, so that replies and acknowledgements fall between them.
  for (size_t fired = 0; next_shot_ < shots_.size() && fired < 24; ++fired) {
    const Shot& shot = shots_[next_shot_];
    if (shot.wait_first && !waited_) {
      waited_ = true;
      return rest(milliseconds(8));
    }
    waited_ = false;
    fire(shot);
    ++next_shot_;
  }
  if (next_shot_ < shots_.size()) return;
  step_ = Step::kCatchingUp;
  stalls_ = 0;
  acknowledged_before_ = acknowledged_;
  rest(milliseconds(10));
}

void AttackSession::fire(const Shot& shot) {
  Segment s{.seq = initial_ + 1 + static_cast<uint32_t>(shot.at),
            .ack = static_cast<uint32_t>(shot.ack_shift),
            .flags = shot.flags,
            .urgent = shot.urgent,
            .oddity = shot.oddity,
            .payload = shot.payload};
  if (server_timestamps_ && shot.old_timestamp) {
    s.timestamps = Timestamps{clock_ms() - 1'000'000, server_timestamp_};
  }
  if ((shot.flags & kFin) != 0 && shot.at < static_cast<int64_t>(stream_.size())) {
    finished_early_ = true;
  }
  emit(s);
}

// The honest octets from the acknowledgement on, until none is missing.
void AttackSession::catch_up() {
  if (unacknowledged() == 0) {
    stalls_ = 0;
    if (!current_.listens) {
      step_ = Step::kTalking;
      return next_stretch();
    }
    step_ = Step::kListening;
    rest(milliseconds(current_.ends_message ? 400 : 1000));
    return listened();
  }
  if (server_finished_ && abandons_) return leave();
  if (acknowledged_ == acknowledged_before_ && now_ < due_) return;
  if (acknowledged_ > acknowledged_before_) {
    stalls_ = 0;
  } else if (++stalls_ >
             (finished_early_ || planner_.breaks_lines() ? kStallsAfterFin : kStallsMost)) {
    return finished_early_ ? leave() : finish("stuck");
  }
  acknowledged_before_ = acknowledged_;
  const size_t size = std::max<size_t>(kSegmentBytes >> std::min(stalls_, 11u), 1);
  const auto from = static_cast<size_t>(acknowledged_);
  const size_t until = std::min(stream_.size(), from + std::min(kWindowBytes, size * 24));
  if (stalls_ > 2 && slow_reader_) {
    // A closed window is probed with what will not be in the end.
    const std::string other = planner_.changed(std::string_view(stream_).substr(from, 1));
    planner_.used.set(static_cast<size_t>(Attack::kWindowProbe));
    emit({.seq = initial_ + 1 + static_cast<uint32_t>(from), .payload = other});
  }
  for (size_t at = from; at < until; at += size) {
    emit({.seq = initial_ + 1 + static_cast<uint32_t>(at),
          .flags = kAck | kPsh,
          .payload = std::string_view(stream_).substr(at, std::min(size, until - at))});
  }
  rest(milliseconds(stalls_ < 3 ? 40 : 100));
}

// Waits for the reply that the last stretch deserves. An end of message that the receiver did not
// take for one (its octets came out otherwise) is said again.
void AttackSession::listened() {
  if (!replies_.empty()) {
    const int code = replies_.front();
    replies_.erase(replies_.begin());
    if (current_.ends_message) {
      ends_heard_.push_back(code);
      if (code == 554 || code == 451) {
        stretches_.clear();
        abandons_ = false;
        if (planner_.chance(0.5)) stretches_.push_back({.octets = "QUIT\r\n", .usual = 0});
      }
    } else if (current_.usual != code && current_.usual != 0) {
      // A command came out as another. To talk on regardless would be to talk ahead of replies, and
      // that nobody has to bear.
      stretches_.clear();
    }
    step_ = Step::kTalking;
    return next_stretch();
  }
  if (server_finished_) return leave();
  if (now_ < due_) return;
  if (current_.ends_message && ++repeats_ <= 3) {
    const size_t begin = stream_.size();
    stream_ += "\r\n.\r\n";
    if (planner_.chance(0.3)) stream_ += "RSET\r\n";
    acknowledged_before_ = static_cast<int64_t>(begin);
    step_ = Step::kCatchingUp;
    due_ = now_;
    return catch_up();
  }
  // Not what was agreed, but the octets decide, not the dialogue.
  step_ = Step::kTalking;
  if (current_.ends_message || ++repeats_ > kRepeatsMost) return leave();
  next_stretch();
}

void AttackSession::leave() {
  const auto next = initial_ + 1 + static_cast<uint32_t>(stream_.size());
  how_ = abandons_ ? "abandoned" : "honest";
  if (abandons_ && planner_.chance(0.4)) {
    // Behind a gap that nobody will fill.
    const std::string junk = planner_.changed("this is behind a gap and never read by anyone");
    emit({.seq = next + 100, .payload = junk});
  }
  if (finished_early_ || (abandons_ && planner_.chance(0.3))) {
    // Also after a FIN that one may have taken for the end and another not: there is no other way
    // out.
    emit({.seq = initial_ + 1 + static_cast<uint32_t>(acknowledged_), .flags = kRst | kAck});
    return finish("abandoned by RST");
  }
  emit({.seq = next, .flags = kFin | kAck});
  if (abandons_ && planner_.chance(0.4)) {
    planner_.used.set(static_cast<size_t>(Attack::kAfterFin));
    emit({.seq = next + 1, .payload = "\r\n.\r\n"});
    emit({.seq = next, .payload = "\r\n.\r\n"});
  }
  stream_ += ' ';  // the FIN's place
  step_ = Step::kLeaving;
  stalls_ = 0;
  rest(milliseconds(400));
}

void AttackSession::finish(const char* how) {
  how_ = how;
  if (step_ == Step::kCatchingUp && !reset_seen_) {
    // Given up: nobody shall wait for us.
    emit({.seq = initial_ + 1 + static_cast<uint32_t>(acknowledged_), .flags = kRst | kAck});
  }
  if (step_ == Step::kLeaving && server_finished_ && reuses_) {
    // The same addresses and ports again, while the receiver may remember the old connection.
    reuses_ = false;
    planner_.used.set(static_cast<size_t>(Attack::kTupleReuse));
    return begin(now_);
  }
  step_ = Step::kOver;
}

std::string AttackSession::report() const {
  std::string used;
  for (size_t i = 0; i < planner_.used.size(); ++i) {
    if (planner_.used[i]) used += fmt::format("{}\"{}\"", used.empty() ? "" : ",", kAttackNames[i]);
  }
  return fmt::format(
      R"({{"session":{},"v6":{},"port":{},"ended":"{}","reset":{},"talks_ahead":{},"replies":[{}],"attacks":[{}],"ms":{}}})",
      number_, ends_.v6, ends_.client_port, how_, reset_seen_, planner_.breaks_lines(),
      fmt::join(ends_heard_, ","), used,
      std::chrono::duration_cast<milliseconds>(now_ - began_).count());
}

}  // namespace postern::wire
