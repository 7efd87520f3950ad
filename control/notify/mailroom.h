// From what happened to what was delivered, step by step.
//
// Theory of operation. tell() writes a happening into the ledger. make() turns what is due of them
// into messages: of each case, for each audience, all that happened since the last message, as soon
// as something of it is told at once or the digest's time is over since then. deliver() tries the
// messages that are due; each attempt is noted before it is made, and its outcome afterwards. A
// failed attempt is repeated after a minute, then after twice as long, up to an hour; after
// give_up_after_s it is given up. Both outcomes are entries of the case's history. All state is in
// the ledger, so it does not matter between which of the steps the process ends.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "control/ledger/ledger.h"
#include "control/notify/delivery.h"
#include "control/notify/notice_writer.h"
#include "control/notify/settings.h"

namespace postern::notify {

// The ways out; tests put their own in their place.
struct Ways {
  std::function<Delivery(const ledger::OutboxMessage&)> letter;
  std::function<Delivery(const ledger::OutboxMessage&, const std::string& secret,
                         uint64_t now_unix_s)>
      webhook;
};

// tell() and preview(): any thread. make() and deliver(): one thread at a time.
class Mailroom {
 public:
  // `settings` and `stop` must outlive it. `stop`: ends a delivery that is under way.
  Mailroom(ledger::Ledger& ledger, const Settings& settings,
           std::function<std::string(CaseReference)> case_url, const std::atomic<bool>& stop);
  void take_ways(Ways ways) { ways_ = std::move(ways); }

  // Nothing is written of what is not told (happenings.h).
  ledger::Result<void> tell(CaseReference reference, const std::string& what, uint64_t now_unix_s);
  ledger::Result<void> make(uint64_t now_unix_s);
  // Returns how many attempts were made.
  ledger::Result<size_t> deliver(uint64_t now_unix_s);
  // When make() or deliver() next has something to do; nothing: when something happens.
  ledger::Result<std::optional<uint64_t>> next(uint64_t now_unix_s);

  // What would be sent now; nothing is sent or written. Empty: there is no such case.
  ledger::Result<std::optional<std::vector<ledger::OutboxMessage>>> preview(CaseReference reference,
                                                                            const std::string& what,
                                                                            uint64_t now_unix_s);
  // Sends a test to an e-mail address or a URL, now.
  Delivery test(const std::string& to, uint64_t now_unix_s);

 private:
  struct Pending;
  ledger::Result<std::vector<Pending>> pending();
  ledger::Result<uint64_t> digest_s(const Pending& about);
  ledger::Result<void> make_one(const Pending& about, uint64_t now_unix_s);
  Delivery attempt(const ledger::OutboxMessage& message, uint64_t now_unix_s);

  ledger::Ledger& ledger_;
  const Settings& settings_;
  const NoticeWriter writer_;
  const std::atomic<bool>& stop_;
  Ways ways_;
};

}  // namespace postern::notify
