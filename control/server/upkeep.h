// Keeps the ledger in order: verdicts go when their time is over, events and what is made of them
// when they are old.
#pragma once

#include <chrono>
#include <condition_variable>
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
  Upkeep(ledger::Ledger& ledger, Gates& gates, const Retention& retention);
  ~Upkeep();
  // Verdicts have changed: another one may be the next to expire. Any thread.
  void verdicts_changed();

 private:
  void run();
  void forget_old(uint64_t now_unix_s);

  ledger::Ledger& ledger_;
  Gates& gates_;
  const Retention retention_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  bool verdicts_changed_ = false;
  std::thread thread_;
};

}  // namespace postern::server
