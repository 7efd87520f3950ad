// Puts in force what control sends: snapshots and deltas, in version order, into the table first
// and then onto the disk.
//
// A snapshot is collected until its last part and replaces everything at once. A delta applies to
// exactly the version that is held; one that does not is refused (Nack), and so is one that cannot
// be read or does not fit: then nothing more is taken until the snapshot that control answers with.
// An Ack says that a version is in force and will be after a restart.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "control/channel/channel.pb.h"
#include "dataplane/agent/verdict_file.h"
#include "dataplane/agent/wire.h"
#include "dataplane/verdict/verdict_table.h"

namespace postern::agent {

class VerdictIntake {
 public:
  // Takes an Ack or Nack for control; called on the thread of receive() or the file's.
  using Answer = std::function<void(channel::v1::FromDataPlane)>;

  static std::expected<std::unique_ptr<VerdictIntake>, std::string> create(
      const VerdictFileConfig& config, verdict::VerdictTable& table, Answer answer);

  // Puts in force what is on disk. The error: it does not fit into the table.
  std::expected<void, std::string> start();
  void stop();  // what was received is on disk afterwards

  // One thread.
  void connected();  // a new stream: half a snapshot of the last one is forgotten
  void receive(const channel::v1::SnapshotPart& part);
  void receive(const channel::v1::Delta& delta);

  // Any thread. What the next Hello says: nothing when the table is in need of a snapshot.
  struct Version {
    std::string epoch;
    uint64_t number = 0;
  };
  Version in_force() const;

 private:
  VerdictIntake(verdict::VerdictTable& table, Answer answer);
  void collect(const AnyVerdict& verdict);
  std::optional<HeldVerdicts> copy();
  void refuse(const std::string& reason);

  verdict::VerdictTable& table_;
  const Answer answer_;
  std::unique_ptr<VerdictFile> file_;

  std::unique_ptr<HeldVerdicts> collecting_;
  std::string collecting_error_;
  bool awaiting_snapshot_ = false;

  // Held while the table is written to, so that the file's thread can copy it in steps.
  mutable std::mutex mutex_;
  Version version_;
  uint64_t replacements_ = 0;  // snapshots put in force
};

}  // namespace postern::agent
