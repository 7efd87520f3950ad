#include "control/server/upkeep.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "control/server/clock.h"

namespace postern::server {
namespace {

using std::chrono::system_clock;

// Also bounds how late an expiry is noticed after the clock was set.
constexpr std::chrono::minutes kRound{1};
// Rows forgotten in one transaction: the ledger is not to be held up.
constexpr size_t kForgottenAtOnce = 5'000;

}  // namespace

Upkeep::Upkeep(ledger::Ledger& ledger, Gates& gates, const Retention& retention)
    : ledger_(ledger), gates_(gates), retention_(retention) {}

Upkeep::~Upkeep() { stop(); }

void Upkeep::start(Also also) {
  also_ = std::move(also);
  thread_ = std::thread([this] { run(); });
}

void Upkeep::stop() {
  {
    const std::lock_guard guard(mutex_);
    stopped_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Upkeep::verdicts_changed() {
  {
    const std::lock_guard guard(mutex_);
    verdicts_changed_ = true;
  }
  changed_.notify_one();
}

void Upkeep::run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    verdicts_changed_ = false;
    lock.unlock();

    const auto now = system_clock::now();
    const auto expired = ledger_.expire(unix_s(now));
    if (!expired) {
      spdlog::error("expired verdicts cannot be removed: {}", expired.error());
    } else if (*expired > 0) {
      gates_.announce();
      spdlog::info("{} expired verdict(s) removed", *expired);
    }
    forget_old(unix_s(now));
    also_(unix_s(now));
    auto until = now + kRound;
    if (const auto next = ledger_.next_expiry(); expired && next && *next) {
      until = std::min(until, system_clock::time_point(std::chrono::seconds(**next)));
    }

    lock.lock();
    changed_.wait_until(lock, until, [this] { return stopped_ || verdicts_changed_; });
  }
}

void Upkeep::forget_old(uint64_t now_unix_s) {
  const auto forget = [&](std::string_view what, std::chrono::seconds keep, auto some_before) {
    const uint64_t kept = static_cast<uint64_t>(keep.count());
    if (kept == 0 || kept > now_unix_s) return;
    while (true) {
      const auto forgotten = some_before(now_unix_s - kept, kForgottenAtOnce);
      if (!forgotten) spdlog::error("old {} cannot be removed: {}", what, forgotten.error());
      if (!forgotten || *forgotten < kForgottenAtOnce) return;
    }
  };
  forget("events", retention_.events, [this](uint64_t before, size_t limit) {
    return ledger_.forget_events_before(before, limit);
  });
  forget("evidence", retention_.evidence, [this](uint64_t before, size_t limit) {
    return ledger_.cases().forget_evidence_before(before, limit);
  });
  forget("notices", retention_.evidence, [this](uint64_t before, size_t limit) {
    return ledger_.outbox().forget_before(before, limit);
  });
  forget("counts of senders", retention_.sender_counts, [this](uint64_t before, size_t limit) {
    return ledger_.senders().forget_before(before, limit);
  });
}

}  // namespace postern::server
