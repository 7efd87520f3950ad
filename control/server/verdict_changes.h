// The one way in which this process changes verdicts: written as one version, then told.
#pragma once

#include <expected>
#include <functional>
#include <span>
#include <string>

#include "control/channel/treatment.h"
#include "control/ledger/ledger.h"
#include "control/server/gates.h"

namespace postern::server {

// Any thread.
class VerdictChanges {
 public:
  // `changed` is called after every change, before anybody waits for data planes. Both objects must
  // outlive this one.
  VerdictChanges(ledger::Ledger& ledger, Gates& gates, std::function<void()> changed)
      : ledger_(ledger), gates_(gates), changed_(std::move(changed)) {}

  // All or none; the version. Returns when it is in the ledger and the data planes' streams were
  // woken.
  ledger::Result<uint64_t> apply(std::span<const ledger::Change> changes) {
    for (const ledger::Change& change : changes) {
      const ledger::Verdict& verdict = change.verdict;
      if (change.action == ledger::Action::kSet && !channel::can_say(verdict.of, verdict.treatment))
        return std::unexpected(std::string(channel::switch_name(verdict.of)) + " cannot say " +
                               std::string(channel::treatment_name(verdict.treatment)));
    }
    auto version = ledger_.apply(changes);
    if (!version || changes.empty()) return version;
    gates_.announce();
    changed_();
    return version;
  }

 private:
  ledger::Ledger& ledger_;
  Gates& gates_;
  const std::function<void()> changed_;
};

}  // namespace postern::server
