// Keeps the ledger in order: verdicts go when their time is over, events when they are old.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "control/ledger/ledger.h"
#include "control/server/gates.h"

namespace postern::server {

class Upkeep {
 public:
  Upkeep(ledger::Ledger& ledger, Gates& gates, std::chrono::seconds keep_events);
  ~Upkeep();
  // Verdicts have changed: another one may be the next to expire. Any thread.
  void verdicts_changed();

 private:
  void run();
  void forget_old_events(uint64_t now_unix_s);

  ledger::Ledger& ledger_;
  Gates& gates_;
  const std::chrono::seconds keep_events_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  bool verdicts_changed_ = false;
  std::thread thread_;
};

}  // namespace postern::server
