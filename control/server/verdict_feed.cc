#include "control/server/verdict_feed.h"

#include "control/server/wire.h"

namespace postern::server {

using channel::v1::ToDataPlane;

void VerdictFeed::hello(const channel::v1::Hello& hello) {
  const ledger::Version now = ledger_.version();
  // A version that is not yet known here can only come from a ledger that was since set back.
  snapshot_due_ = hello.epoch() != now.epoch || hello.version() > now.number;
  in_snapshot_ = false;
  snapshot_began_.reset();
  sent_version_ = hello.version();
}

void VerdictFeed::acknowledged(const channel::v1::Ack& ack) {
  // Refusals of what was sent before the snapshot are made good by it.
  if (!in_snapshot_ && snapshot_began_ && ack.epoch() == ledger_.version().epoch &&
      ack.version() >= snapshot_version_) {
    snapshot_due_ = false;
  }
}

std::optional<VerdictFeed::Time> VerdictFeed::ready_at() const {
  if (in_snapshot_) return Time::min();
  if (snapshot_due_)
    return snapshot_began_ ? *snapshot_began_ + limits_.snapshot_spacing : Time::min();
  if (ledger_.version().number != sent_version_) return Time::min();
  return std::nullopt;
}

ledger::Result<ToDataPlane> VerdictFeed::next(Time now) {
  if (in_snapshot_) return next_part();
  const ledger::Version version = ledger_.version();
  if (!snapshot_due_) {
    auto changes = ledger_.changes_since(sent_version_, version.number, limits_.longest_delta);
    if (!changes) return std::unexpected(changes.error());
    if (changes->has_value()) {
      ToDataPlane message;
      *message.mutable_delta() = delta_of(version, sent_version_, **changes);
      sent_version_ = version.number;
      return message;
    }
  }
  in_snapshot_ = true;
  snapshot_due_ = false;
  snapshot_began_ = now;
  snapshot_version_ = version.number;
  last_sent_.reset();
  return next_part();
}

ledger::Result<ToDataPlane> VerdictFeed::next_part() {
  // One more than goes into the part: it tells whether this is the last.
  auto page =
      ledger_.verdicts_after(last_sent_, limits_.snapshot_part + 1, ledger::Told::kEnforced);
  if (!page) return std::unexpected(page.error());
  const bool last = page->size() <= limits_.snapshot_part;
  if (!last) page->pop_back();
  ToDataPlane message;
  channel::v1::SnapshotPart& part = *message.mutable_snapshot();
  part.set_epoch(ledger_.version().epoch);
  part.set_version(snapshot_version_);
  part.set_last(last);
  part.mutable_verdicts()->Reserve(static_cast<int>(page->size()));
  for (const ledger::Verdict& verdict : *page) *part.add_verdicts() = to_wire(verdict);
  if (!page->empty()) last_sent_ = page->back().key();
  if (last) {
    in_snapshot_ = false;
    sent_version_ = snapshot_version_;
  }
  return message;
}

}  // namespace postern::server
