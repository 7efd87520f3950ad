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
    const std::filesystem::path& artefact) const {
  auto set = scan::SignatureSet::load(artefact);
  if (!set) return std::unexpected(set.error());
  Generation generation{.number = last_number_ + 1, .set = std::move(*set), .scratches = {}};
  for (size_t i = 0; i < workers_.size(); ++i) {
    auto scratch = std::make_unique<Scratch>();
    if (!generations_.empty())
      if (auto done = scratch->prepare(*generations_.back().set); !done)
        return std::unexpected(done.error());
    if (auto done = scratch->prepare(*generation.set); !done) return std::unexpected(done.error());
    generation.scratches.push_back(std::move(scratch));
  }
  return generation;
}

std::expected<void, std::string> SignatureHandover::load(const std::filesystem::path& artefact) {
  auto generation = prepare(artefact);
  if (!generation) return std::unexpected(generation.error());
  last_number_ = generation->number;
  announce_(*generation->set, generation->number);
  generations_.push_back(std::move(*generation));
  const Generation& next = generations_.back();
  in_force_.store(next.set);
  for (size_t i = 0; i < workers_.size(); ++i) {
    const worker::SignatureChange change{
        .set = next.set, .generation = next.number, .scratch = next.scratches[i].get()};
    if (!post(*workers_[i], change))
      return std::unexpected(
          fmt::format("worker {} does not answer; it scans with the set before", i));
  }
  return {};
}

void SignatureHandover::collect() {
  while (generations_.size() > 1) {
    const Generation& oldest = generations_.front();
    const bool settled = std::ranges::all_of(
        workers_, [&](const auto& worker) { return worker->settled_generation() > oldest.number; });
    if (!settled || oldest.set.use_count() > 1) return;
    generations_.pop_front();
  }
}

}  // namespace postern
