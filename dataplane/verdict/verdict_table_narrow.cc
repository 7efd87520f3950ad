// Blocks on parts of senders' mail, changed as a whole.
#include <fmt/format.h>
#include <rte_rcu_qsbr.h>

#include <set>

#include "dataplane/verdict/verdict_table.h"

namespace postern::verdict {
namespace {

// Former sets that may wait for a worker that is in its loop still.
constexpr size_t kMostRetired = 16;

}  // namespace

std::expected<void, std::string> VerdictTable::check_narrow_size(size_t blocks) const {
  if (blocks <= config_.narrow_capacity) return {};
  return std::unexpected(fmt::format(
      "{} blocks on parts of senders do not fit into a capacity of {}: raise limits.narrow_blocks",
      blocks, config_.narrow_capacity));
}

std::expected<void, std::string> VerdictTable::check_narrow_room(
    std::span<const NarrowVerdict> upserts, std::span<const NarrowKey> removals) const {
  const auto held = narrow_held();
  if (held.size() + upserts.size() <= config_.narrow_capacity) return {};
  std::set<NarrowKey> after;
  for (const NarrowVerdict& v : held) after.insert(v.key());
  for (const NarrowVerdict& v : upserts) after.insert(v.key());
  for (const NarrowKey& key : removals) after.erase(key);
  return check_narrow_size(after.size());
}

std::expected<void, std::string> VerdictTable::put_narrow(std::span<const NarrowVerdict> upserts) {
  if (upserts.empty()) return {};
  const auto held = narrow_held();
  std::vector<NarrowVerdict> all(held.begin(), held.end());
  all.insert(all.end(), upserts.begin(), upserts.end());
  return swap_narrow(std::move(all));
}

std::expected<void, std::string> VerdictTable::drop_narrow(std::span<const NarrowKey> removals) {
  if (removals.empty()) return {};
  const std::set<NarrowKey> dropped(removals.begin(), removals.end());
  std::vector<NarrowVerdict> rest;
  for (const NarrowVerdict& v : narrow_held()) {
    if (!dropped.contains(v.key())) rest.push_back(v);
  }
  return swap_narrow(std::move(rest));
}

std::expected<void, std::string> VerdictTable::swap_narrow(std::vector<NarrowVerdict> verdicts) {
  reclaim();
  if (retired_narrow_.size() == kMostRetired) {
    wait_for_readers();
    reclaim();
  }
  if (retired_narrow_.size() == kMostRetired) {
    whole_ = false;
    return std::unexpected("a worker has not finished its loop for seconds");
  }
  auto blocks = std::make_unique<const NarrowBlocks>(NarrowBlocks::of(std::move(verdicts)));
  narrow_.store(blocks->empty() ? nullptr : blocks.get(), std::memory_order_release);
  narrow_size_.store(static_cast<uint32_t>(blocks->all().size()), std::memory_order_relaxed);
  std::swap(narrow_held_, blocks);
  retired_narrow_.push_back({rte_rcu_qsbr_start(qsbr_.get()), std::move(blocks)});
  reclaim();
  return {};
}

}  // namespace postern::verdict
