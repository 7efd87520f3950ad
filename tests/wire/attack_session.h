// One connection of the attacker: handshake, SMTP dialogue and message by hand.
//
// Theory of operation. A session says what it has to say stretch by stretch (a command, a message,
// its end). A stretch is either sent honestly or attacked (attack_plan.h); after an attack the
// session catches up: it sends the honest octets from the receiver's acknowledgement on until all
// are acknowledged, in ever smaller segments when that does not help. So both the receiver and
// whoever stands between have had an answer to every gap, and may have read anything.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "tests/wire/attack_frame.h"
#include "tests/wire/attack_plan.h"

namespace postern::wire {

using Clock = std::chrono::steady_clock;

class AttackSession {
 public:
  using Send = std::function<void(std::vector<uint8_t>)>;

  AttackSession(uint64_t seed, uint64_t number, const Endpoints& ends, Send send);

  void begin(Clock::time_point now);
  void arrived(const Arrived& segment, Clock::time_point now);
  // Called every few milliseconds.
  void tick(Clock::time_point now);

  bool over() const { return step_ == Step::kOver; }
  uint64_t number() const { return number_; }
  const Endpoints& ends() const { return ends_; }
  // What came of it, as one line of JSON.
  std::string report() const;

 private:
  enum class Step : uint8_t {
    kConnecting,
    kTalking,
    kShooting,
    kCatchingUp,
    kListening,
    kLeaving,
    kOver
  };
  // What is said, and what is waited for after it.
  struct Stretch {
    std::string octets;
    bool attacked = false;
    bool ends_message = false;
    bool listens = true;  // for a reply; else the next stretch follows at once
    int usual = 250;      // the reply without which it makes no sense to go on
  };

  void plan_conversation();
  void next_stretch();
  void shoot();
  void fire(const Shot& shot);
  void catch_up();
  void listened();
  void leave();
  void finish(const char* how);
  void emit(Segment segment);
  uint32_t clock_ms() const;
  void read_replies();
  int64_t unacknowledged() const { return static_cast<int64_t>(stream_.size()) - acknowledged_; }
  void rest(std::chrono::milliseconds time) { due_ = now_ + time; }

  const uint64_t seed_, number_;
  Endpoints ends_;
  Send send_;
  Planner planner_;
  bool timestamps_, slow_reader_, abandons_, reuses_;
  Step step_ = Step::kConnecting;
  Clock::time_point now_, due_, began_;
  uint32_t initial_ = 0;
  std::string stream_;  // all that was honestly said
  int64_t acknowledged_ = 0;
  bool finished_early_ = false;  // a FIN went out ahead of its time
  uint32_t server_next_ = 0;
  uint32_t server_timestamp_ = 0;
  bool server_timestamps_ = false, server_finished_ = false, reset_seen_ = false;
  std::deque<Stretch> stretches_;
  Stretch current_;
  std::vector<Shot> shots_;
  size_t next_shot_ = 0;
  bool waited_ = false;
  std::string heard_;            // of the server's reply so far
  std::vector<int> replies_;     // not yet taken
  std::vector<int> ends_heard_;  // codes that answered an end of message
  unsigned stalls_ = 0, repeats_ = 0;
  int64_t acknowledged_before_ = 0;
  const char* how_ = "";
};

}  // namespace postern::wire
