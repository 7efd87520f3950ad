// Two workers at once, as the process runs them: a core, a pipeline and traffic for each; one
// verdict table and one signature set for both.
#pragma once

#include <sched.h>

#include <array>
#include <atomic>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "bench/conversation.h"
#include "bench/replay.h"
#include "dataplane/verdict/verdict_table.h"

namespace postern::bench {

// One of them. Spins until its companion is ready too, so that both are timed at the same time.
class WorkerReplay : public Replay {
 public:
  // Both outlive it; `reader` is its number among the table's readers.
  static std::expected<std::unique_ptr<WorkerReplay>, std::string> create(
      Traffic* traffic, const ReplaySetup& setup, verdict::VerdictTable* table, unsigned reader);

  // A pass on that core, in a thread that is gone afterwards. `meeting`: how many of two are ready;
  // null: it runs alone.
  std::expected<Pass, std::string> pass_on(int core, std::atomic<int>* meeting);

 protected:
  void ready() override;
  void between_bursts() override { table_->quiescent(reader_); }

 private:
  WorkerReplay(Traffic* traffic, const ReplaySetup& setup, verdict::VerdictTable* table,
               unsigned reader)
      : Replay(traffic, setup), table_(table), reader_(reader) {}

  verdict::VerdictTable* table_;
  const unsigned reader_;
  std::atomic<int>* meeting_ = nullptr;
};

class TwoWorkers {
 public:
  // The error says that there are no two cores, or what cannot be set up.
  static std::expected<std::unique_ptr<TwoWorkers>, std::string> create(
      const std::vector<Conversation>& recordings, std::shared_ptr<const scan::SignatureSet> set);

  // Each alone, one after the other, the other core being idle; the time of both.
  std::expected<Pass, std::string> alone();
  // Both at once; the time that two workers of the mean of their rates take for all messages.
  std::expected<Pass, std::string> together();
  double messages() const;  // of both

 private:
  TwoWorkers() = default;

  std::array<int, 2> cores_{};
  std::unique_ptr<verdict::VerdictTable> table_;
  std::array<scan::MessageScan::Scratch, 2> scratch_;
  std::array<std::unique_ptr<Traffic>, 2> traffic_;
  std::array<std::unique_ptr<WorkerReplay>, 2> workers_;
};

}  // namespace postern::bench
