// The last verdicts on the data plane's own disk, so that it enforces them also when it restarts
// while control is away (invariant 5).
//
// Theory of operation. `verdicts` is a snapshot, written beside and renamed into place;
// `verdicts.log` takes the deltas since, appended and synced in groups. One thread does all
// writing: nobody who enforces verdicts waits for the disk. What was handed in is reported back as
// durable, in order; that is when the agent acknowledges it.
//
// When writing fails (a full disk), enforcing goes on and acknowledging too: durable is then said
// of what is only in force, the trouble is logged, and the file is made anew from the table, again
// and again until that succeeds. The same happens when the log has grown long.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/agent/verdict_format.h"

namespace postern::agent {

struct VerdictFileConfig {
  std::filesystem::path directory;
  uint64_t log_bytes = 64 << 20;  // a longer log is folded into a new snapshot
  uint32_t waiting = 100'000;  // changes that may wait for the disk; beyond, the file is made anew
  std::chrono::milliseconds retry{5000};
};

class VerdictFile {
 public:
  // Called on the file's thread: all up to `version` of `epoch` is on disk.
  using Durable = std::function<void(const std::string& epoch, uint64_t version)>;
  // Called on the file's thread: a copy of what is in force. Deltas that come in meanwhile may or
  // may not show in it, as long as they are handed in after the copy's version. Nothing: not now.
  using CopyAll = std::function<std::optional<HeldVerdicts>()>;

  // Makes the directory when it is not there. The error says what to do.
  static std::expected<std::unique_ptr<VerdictFile>, std::string> create(
      const VerdictFileConfig& config, Durable durable, CopyAll copy_all);
  ~VerdictFile();  // as stop()

  // Reads what is on disk. Damage is no error: what can be trusted is returned (nothing, when it is
  // the snapshot that is damaged) and `notes` say what was found and what that means. Before
  // start().
  struct Loaded {
    HeldVerdicts held;
    std::vector<std::string> notes;
  };
  Loaded load();

  void start();
  // Writes what was handed in, then ends the thread.
  void stop();

  // Any one thread at a time; never waits for the disk.
  void replace(std::shared_ptr<const HeldVerdicts> all);
  void append(const std::string& epoch, std::shared_ptr<const VerdictDelta> delta);

 private:
  struct Item {
    std::string epoch;
    uint64_t version = 0;
    std::shared_ptr<const HeldVerdicts> all;    // either this
    std::shared_ptr<const VerdictDelta> delta;  // or this, or neither: it was not kept
  };
  class File;

  VerdictFile(const VerdictFileConfig& config, Durable durable, CopyAll copy_all);
  void open_log(const LogRead& read);
  void run();
  void write(std::span<const Item> items);
  std::expected<void, std::string> write_snapshot(const HeldVerdicts& held);
  std::expected<void, std::string> start_log();
  std::expected<void, std::string> write_deltas(std::span<const Item> items);
  bool due() const;  // the file is to be made anew
  void write_anew();
  void note_failure(const std::string& what);

  const VerdictFileConfig config_;
  const Durable durable_;
  const CopyAll copy_all_;
  const std::filesystem::path snapshot_path_, log_path_;

  // The file thread's own, once it runs.
  std::unique_ptr<File> log_;
  Digest snapshot_digest_{};
  Digest log_digest_{};
  std::string epoch_;     // of the snapshot on disk
  uint64_t version_ = 0;  // on disk, log included
  bool stale_ = false;    // what is on disk lacks something: to be made anew
  std::chrono::steady_clock::time_point next_try_{};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Item> waiting_;
  size_t waiting_weight_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace postern::agent
