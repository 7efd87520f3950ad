// The policy engine: counts what each sender does, and acts when it is on a rung of the ladder.
//
// Theory of operation. Batches of events are queued and worked off by a thread of the engine's own,
// so that a data plane's stream never waits for it. Each event goes into its server's window
// (windows.h); servers of which there is news are judged once at the end of a batch (ladder.h), and
// what is found is made so (enforcement.h). What the ledger or the data planes' channel does not
// take is tried again by look(), which also judges what was stored before the start.
//
// It begins with the last day's events of the ledger, but for those that a closed case rested on,
// so that neither a restart nor a restoration changes what a sender has to answer for.
//
// Bounded: kMostServers windows, those forgotten first that sent no spam for the longest time;
// kMostQueued batches, of which the newest are dropped and counted when the thread does not keep
// up: the ledger has them.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>
#include <variant>

#include "control/policy/enforcement.h"

namespace postern::policy {

// Any thread.
class Engine {
 public:
  static constexpr size_t kMostServers = 100'000;
  static constexpr size_t kMostQueued = 1'000;

  // The ledger, and what `apply` and `told` use, must outlive it.
  Engine(ledger::Ledger& ledger, Apply apply, Told told, Settings settings, uint64_t now_unix_s);
  ~Engine();

  // Events as they were stored. Returns at once.
  void observe(const channel::v1::EventBatch& batch, uint64_t now_unix_s);
  // What the case rested on counts no more: it was restored or closed. Behind what was observed
  // before. Returns at once.
  void forgive(CaseReference reference);
  // Tries again what failed, closes cases that are over, forgets what is old. Returns at once.
  void look(uint64_t now_unix_s);
  // Waits until all that was asked so far is done.
  void drain();

  uint64_t batches_dropped() const;

 private:
  struct Batch {
    channel::v1::EventBatch events;
    uint64_t now_unix_s = 0;
  };
  struct Look {
    uint64_t now_unix_s = 0;
  };
  using Task = std::variant<Batch, CaseReference, Look>;
  struct Server {
    ServerWindow window;
    std::deque<channel::v1::Event> recent;  // spam, oldest first
    Volume volume;
    uint64_t volume_at_s = 0;  // when it was asked for
  };
  struct Hash {
    size_t operator()(const IpAddress& address) const;
  };

  void begin_with_the_ledger(uint64_t now_unix_s);
  void run();
  void add(Task task);
  void work(const Batch& batch);
  void work(CaseReference reference);
  void work(const Look& look);
  static void remember(Server& server, const channel::v1::Event& spam);
  Server& server_of(const IpAddress& address);
  void judge_server(const IpAddress& address, uint64_t now_unix_s);

  // What became of cases is told when all that follows from a batch is done: who is told may change
  // them.
  struct Change {
    CaseReference about;
    std::string what;
  };
  void tell();

  ledger::Ledger& ledger_;
  const Settings settings_;
  const Told told_;
  std::vector<Change> untold_;  // the thread's own, like these:
  Enforcement enforcement_;
  std::unordered_map<IpAddress, Server, Hash> servers_;
  std::set<IpAddress> due_;  // to be judged by the next look

  mutable std::mutex mutex_;
  std::condition_variable asked_, idle_;
  std::deque<Task> tasks_;
  bool busy_ = false;
  bool stopped_ = false;
  uint64_t dropped_ = 0;
  std::thread thread_;
};

}  // namespace postern::policy
