#include "control/notify/notifier.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace postern::notify {
namespace {

// Also bounds how late something is noticed after the clock was set.
constexpr uint64_t kRound_s = 60;
constexpr size_t kMostUntold = 100'000;

uint64_t system_time() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
}

}  // namespace

Notifier::Notifier(ledger::Ledger& ledger, Settings settings,
                   std::function<std::string(CaseReference)> case_url, Clock clock)
    : ledger_(ledger),
      settings_(std::move(settings)),
      clock_(clock ? std::move(clock) : Clock(system_time)),
      mailroom_(ledger, settings_, std::move(case_url), stop_),
      look_at_unix_s_(clock_()),  // what an earlier process left
      thread_([this] { run(); }) {}

Notifier::~Notifier() {
  {
    const std::lock_guard guard(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Notifier::take_ways(Ways ways) {
  const std::lock_guard guard(work_);
  mailroom_.take_ways(std::move(ways));
}

void Notifier::tell(CaseReference reference, const std::string& what) {
  const uint64_t now = clock_();
  const auto told = mailroom_.tell(reference, what, now);
  const std::lock_guard guard(mutex_);
  if (!told) {
    spdlog::error("case {} ({}): not noted for telling, tried again: {}", reference.to_string(),
                  what, told.error());
    if (untold_.size() < kMostUntold) untold_.push_back({reference, what, now});
  }
  look_at_unix_s_ = std::max(look_at_unix_s_, now);
  changed_.notify_one();
}

void Notifier::look(uint64_t now_unix_s) {
  const std::lock_guard guard(mutex_);
  look_at_unix_s_ = std::max(look_at_unix_s_, now_unix_s);
  changed_.notify_one();
}

ledger::Result<void> Notifier::drain(uint64_t now_unix_s) {
  const std::lock_guard guard(work_);
  std::vector<Untold> untold;
  {
    const std::lock_guard queue(mutex_);
    untold.swap(untold_);
  }
  for (size_t i = 0; i < untold.size(); ++i) {
    const auto told = mailroom_.tell(untold[i].reference, untold[i].what, untold[i].at_unix_s);
    if (told) continue;
    const std::lock_guard queue(mutex_);
    untold_.insert(untold_.begin(), untold.begin() + static_cast<std::ptrdiff_t>(i), untold.end());
    return told;
  }
  const auto made = mailroom_.make(now_unix_s);
  const auto delivered = mailroom_.deliver(now_unix_s);
  if (!delivered) return std::unexpected(delivered.error());
  return made;
}

ledger::Result<std::optional<std::vector<ledger::OutboxMessage>>> Notifier::preview(
    CaseReference reference, const std::string& what) {
  return mailroom_.preview(reference, what, clock_());
}

Delivery Notifier::test(const std::string& to) { return mailroom_.test(to, clock_()); }

void Notifier::run() {
  std::unique_lock lock(mutex_);
  bool went_well = true;
  while (!stop_) {
    if (look_at_unix_s_ == 0) {
      lock.unlock();
      const uint64_t now = clock_();
      const auto next = mailroom_.next(now);
      const uint64_t at = went_well && next && *next ? **next : now + kRound_s;
      const uint64_t pause = std::clamp<uint64_t>(at > now ? at - now : 0, 1, kRound_s);
      lock.lock();
      changed_.wait_for(lock, std::chrono::seconds(pause),
                        [this] { return stop_ || look_at_unix_s_ != 0; });
      if (stop_) break;
    }
    const uint64_t now = std::max(std::exchange(look_at_unix_s_, 0), clock_());
    lock.unlock();
    const auto done = drain(now);
    went_well = done.has_value();
    if (!went_well) spdlog::error("notices wait: {}", done.error());
    lock.lock();
  }
}

}  // namespace postern::notify
