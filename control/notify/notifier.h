// Tells people of cases, in a thread of its own. The steps are the mailroom's.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "control/notify/mailroom.h"

namespace postern::notify {

// Any thread.
class Notifier {
 public:
  using Clock = std::function<uint64_t()>;  // Unix seconds

  // `ledger` must outlive it. `case_url`: the address of a case's page for people; may be empty.
  Notifier(ledger::Ledger& ledger, Settings settings,
           std::function<std::string(CaseReference)> case_url, Clock clock = {});
  // What is being delivered is cut off, and delivered after the next start.
  ~Notifier();

  // Returns once it is in the ledger. Where that fails, it is logged, and tried again as long as
  // this process lives. What is no happening (happenings.h) is passed over.
  void tell(CaseReference reference, const std::string& what);
  // Something may be due at this time: the thread looks.
  void look(uint64_t now_unix_s);
  // Does all that is due at this time, on the caller's thread. Returns what failed, if the ledger
  // did.
  ledger::Result<void> drain(uint64_t now_unix_s);

  ledger::Result<std::optional<std::vector<ledger::OutboxMessage>>> preview(
      CaseReference reference, const std::string& what);
  Delivery test(const std::string& to);
  ledger::Outbox& outbox() { return ledger_.outbox(); }
  const Settings& settings() const { return settings_; }
  uint64_t now() const { return clock_(); }
  // Before the first tell(), for tests.
  void take_ways(Ways ways);

 private:
  struct Untold {
    CaseReference reference;
    std::string what;
    uint64_t at_unix_s;
  };
  void run();

  ledger::Ledger& ledger_;
  const Settings settings_;
  const Clock clock_;
  std::atomic<bool> stop_ = false;
  std::mutex work_;  // make and deliver
  Mailroom mailroom_;

  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t look_at_unix_s_ = 0;  // 0: nobody asks
  std::vector<Untold> untold_;   // that the ledger did not take
  std::thread thread_;
};

}  // namespace postern::notify
