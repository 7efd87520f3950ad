// Keeps the ledger in order: verdicts go when their time is over, events and what is made of them
// when they are old. Others that have something to do now and then do it in the same round.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "control/ledger/ledger.h"
#include "control/server/gates.h"

namespace postern::server {

// How long what is kept; 0: for ever.
struct Retention {
  std::chrono::seconds events = std::chrono::days(90);
  std::chrono::seconds evidence = std::chrono::days(90);
  std::chrono::seconds sender_counts = std::chrono::days(400);
};

class Upkeep {
 public:
  // `also` is called in every round, once a minute at least, with the time (Unix, seconds).
  using Also = std::function<void(uint64_t now_unix_s)>;

  Upkeep(ledger::Ledger& ledger, Gates& gates, const Retention& retention);
  ~Upkeep();
  // Once, before anything else.
  void start(Also also);
  // Returns when the round under way is over; `also` is called no more.
  void stop();
  // Verdicts have changed: another one may be the next to expire. Any thread.
  void verdicts_changed();

 private:
  void run();
  void forget_old(uint64_t now_unix_s);

  ledger::Ledger& ledger_;
  Gates& gates_;
  const Retention retention_;
  Also also_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  bool verdicts_changed_ = false;
  std::thread thread_;
};

}  // namespace postern::server
