// What one data plane is to be told next about verdicts.
//
// Theory of operation. A data plane holds a version of an epoch. The feed knows what it has been
// *sent*, and compares with the ledger: behind by few changes, it gets them as one delta; behind by
// many, of another epoch, or having refused an update, it gets a snapshot in parts. While a
// snapshot is read, part by part, verdicts may change: the snapshot carries the version at which it
// began, and the next delta tells those changes again, which does no harm.
//
// Knows no stream, no thread and no clock: next() is asked when ready_at() says so, and what it
// gives is sent.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "control/channel/channel.pb.h"
#include "control/ledger/ledger.h"

namespace postern::server {

struct FeedLimits {
  size_t snapshot_part = 10'000;  // verdicts
  size_t longest_delta = 10'000;  // changes; more are told as a snapshot
  // Between the beginnings of two snapshots: a data plane that refuses each shall not be kept busy.
  std::chrono::milliseconds snapshot_spacing{1000};
};

class VerdictFeed {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit VerdictFeed(ledger::Ledger& ledger, FeedLimits limits = {})
      : ledger_(ledger), limits_(limits) {}

  // What the data plane says it holds.
  void hello(const channel::v1::Hello& hello);
  // It has put this version in force.
  void acknowledged(const channel::v1::Ack& ack);
  // It has refused an update: a snapshot is due.
  void refused() { snapshot_due_ = true; }

  // From when on next() has something; nothing while the data plane has been sent all there is.
  std::optional<Time> ready_at() const;
  // The next message.
  ledger::Result<channel::v1::ToDataPlane> next(Time now);

 private:
  ledger::Result<channel::v1::ToDataPlane> next_part();

  ledger::Ledger& ledger_;
  FeedLimits limits_;
  bool snapshot_due_ = true;
  bool in_snapshot_ = false;
  std::optional<ledger::VerdictKey> last_sent_;  // of the snapshot
  uint64_t snapshot_version_ = 0;
  std::optional<Time> snapshot_began_;
  uint64_t sent_version_ = 0;
};

}  // namespace postern::server
