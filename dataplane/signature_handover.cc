#include "dataplane/signature_handover.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace postern {
namespace {

using std::chrono::steady_clock;

// A worker picks a change up within microseconds; one that does not for so long hangs.
constexpr std::chrono::seconds kLongestWait{5};

bool post(worker::Worker& worker, const worker::SignatureChange& change) {
  const auto deadline = steady_clock::now() + kLongestWait;
  while (!worker.post(change)) {
    if (steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace

SignatureHandover::SignatureHandover(const std::vector<std::unique_ptr<worker::Worker>>& workers,
                                     Announce announce)
    : workers_(workers), announce_(std::move(announce)) {}

std::expected<SignatureHandover::Generation, std::string> SignatureHandover::prepare(
    Sets sets) const {
  Generation generation{.number = last_number_ + 1, .sets = std::move(sets), .scratches = {}};
  std::vector<const scan::SignatureSet*> needed = {generation.sets.set.get(),
                                                   generation.sets.shadow.get()};
  if (!generations_.empty()) {
    needed.push_back(generations_.back().sets.set.get());
    needed.push_back(generations_.back().sets.shadow.get());
  }
  for (size_t i = 0; i < workers_.size(); ++i) {
    auto scratch = std::make_unique<Scratch>();
    for (const scan::SignatureSet* set : needed) {
      if (set == nullptr) continue;
      if (auto done = scratch->prepare(*set); !done) return std::unexpected(done.error());
    }
    generation.scratches.push_back(std::move(scratch));
  }
  return generation;
}

std::expected<void, std::string> SignatureHandover::put_in_force(Sets sets) {
  auto generation = prepare(std::move(sets));
  if (!generation) return std::unexpected(generation.error());
  last_number_ = generation->number;
  announce_(generation->sets, generation->number);
  generations_.push_back(std::move(*generation));
  held_.store(generations_.size(), std::memory_order_relaxed);
  const Generation& next = generations_.back();
  {
    const std::lock_guard lock(in_force_mutex_);
    in_force_ = next.sets;
  }
  for (size_t i = 0; i < workers_.size(); ++i) {
    const worker::SignatureChange change{.set = next.sets.set,
                                         .shadow = next.sets.shadow,
                                         .generation = next.number,
                                         .scratch = next.scratches[i].get()};
    if (!post(*workers_[i], change))
      return std::unexpected(
          fmt::format("worker {} does not answer; it scans with the set before", i));
  }
  return {};
}

SignatureHandover::Sets SignatureHandover::in_force() const {
  const std::lock_guard lock(in_force_mutex_);
  return in_force_;
}

// Whether anybody but the oldest generation still has this set of it, who could become the last.
bool SignatureHandover::is_held_elsewhere(const Set& set) const {
  if (set == nullptr) return false;
  // The next generation has it too: this one frees nothing.
  const Sets& next = generations_[1].sets;
  if (next.set == set || next.shadow == set) return false;
  const Sets& oldest = generations_.front().sets;
  return set.use_count() > (oldest.set == oldest.shadow ? 2 : 1);
}

void SignatureHandover::collect() {
  while (generations_.size() > 1) {
    const Generation& oldest = generations_.front();
    const bool settled = std::ranges::all_of(
        workers_, [&](const auto& worker) { return worker->settled_generation() > oldest.number; });
    if (!settled || is_held_elsewhere(oldest.sets.set) || is_held_elsewhere(oldest.sets.shadow))
      return;
    generations_.pop_front();
    held_.store(generations_.size(), std::memory_order_relaxed);
  }
}

}  // namespace postern
