// Bringing a signature set to the workers, and taking the one before away, off the hot path.
//
// Theory of operation. A set is loaded and, for each worker, a scratch is prepared for it and for
// the one in force, here on the main thread. Only then is it posted to the workers. Each picks it
// up between two bursts; messages under way finish on the set with which they began. The former
// generation is kept until every worker has had no message of it under way, and is freed here, so
// that no worker ever unmaps a set.
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/scan/scanner.h"
#include "dataplane/worker/loop.h"

namespace postern {

class SignatureHandover {
 public:
  // Told of a set before any worker scans with it.
  using Announce = std::function<void(const scan::SignatureSet& set, uint64_t generation)>;

  // `workers` outlive it, and have stopped before it goes. Main thread only, except in_force().
  SignatureHandover(const std::vector<std::unique_ptr<worker::Worker>>& workers, Announce announce);

  // The error says what is wrong with the file; the set in force, if any, stays in force.
  std::expected<void, std::string> load(const std::filesystem::path& artefact);
  // Frees former generations that no worker uses any more. Now and then; cheap.
  void collect();
  // Generations whose memory is held: 1 in steady state, 0 without a set.
  size_t generations_held() const { return generations_.size(); }
  // Of new messages; null: none. Any thread.
  std::shared_ptr<const scan::SignatureSet> in_force() const { return in_force_.load(); }

 private:
  using Scratch = scan::MessageScan::Scratch;
  struct Generation {
    uint64_t number = 0;
    std::shared_ptr<const scan::SignatureSet> set;
    std::vector<std::unique_ptr<Scratch>> scratches;  // by worker
  };
  std::expected<Generation, std::string> prepare(const std::filesystem::path& artefact) const;

  const std::vector<std::unique_ptr<worker::Worker>>& workers_;
  const Announce announce_;
  std::deque<Generation> generations_;  // oldest first; the last is in force
  uint64_t last_number_ = 0;
  std::atomic<std::shared_ptr<const scan::SignatureSet>> in_force_;
};

}  // namespace postern
