// Bringing signature sets to the workers, and taking those before away, off the hot path.
//
// Theory of operation. For each worker a scratch is prepared for the sets that come and for those
// in force, on the caller's thread. Only then are they posted to the workers. Each picks them up
// between two bursts; messages under way finish on the sets with which they began. The former
// generation is kept until every worker has had no message of it under way, and is freed here, so
// that no worker ever frees a set.
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dataplane/scan/scanner.h"
#include "dataplane/worker/loop.h"

namespace postern {

class SignatureHandover {
 public:
  using Set = std::shared_ptr<const scan::SignatureSet>;
  // What messages are scanned with; null: nothing.
  struct Sets {
    Set set;
    Set shadow;
  };
  // Told of sets before any worker scans with them.
  using Announce = std::function<void(const Sets& sets, uint64_t generation)>;

  // `workers` outlive it, and have stopped before it goes. One thread only, except in_force() and
  // generations_held().
  SignatureHandover(const std::vector<std::unique_ptr<worker::Worker>>& workers, Announce announce);

  // The error says why not; what is in force, if anything, stays in force.
  std::expected<void, std::string> put_in_force(Sets sets);
  // Frees former generations that no worker uses any more. Now and then; cheap.
  void collect();
  // Generations whose memory is held: 1 in steady state, 0 without a set. Any thread.
  size_t generations_held() const { return held_.load(std::memory_order_relaxed); }
  // Of new messages. Any thread.
  Sets in_force() const;

 private:
  using Scratch = scan::MessageScan::Scratch;
  struct Generation {
    uint64_t number = 0;
    Sets sets;
    std::vector<std::unique_ptr<Scratch>> scratches;  // by worker
  };
  std::expected<Generation, std::string> prepare(Sets sets) const;
  bool is_held_elsewhere(const Set& set) const;

  const std::vector<std::unique_ptr<worker::Worker>>& workers_;
  const Announce announce_;
  std::deque<Generation> generations_;  // oldest first; the last is in force
  uint64_t last_number_ = 0;
  std::atomic<size_t> held_{0};
  mutable std::mutex in_force_mutex_;
  Sets in_force_;
};

}  // namespace postern
