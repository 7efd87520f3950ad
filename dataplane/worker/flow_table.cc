#include "dataplane/worker/flow_table.h"

#include <bit>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace postern::worker {

FlowTable::FlowTable(uint32_t capacity, uint64_t hash_key)
    : capacity_(capacity),
      hash_key_(hash_key),
      mask_(std::bit_ceil(size_t{capacity} * 2) - 1),
      slots_(mask_ + 1),
      flows_(std::make_unique<Flow[]>(capacity)) {
  free_.reserve(capacity);
  for (uint32_t i = capacity; i > 0; --i) free_.push_back(i - 1);
}

uint64_t FlowTable::hash(const FlowKey& key) const {
  return XXH3_64bits_withSeed(&key, sizeof key, hash_key_);
}

Flow* FlowTable::find(const FlowKey& key) const {
  const auto h = static_cast<uint32_t>(hash(key));
  for (size_t at = home(h); slots_[at].index != 0; at = (at + 1) & mask_) {
    if (slots_[at].hash != h) continue;
    Flow* flow = &flows_[slots_[at].index - 1];
    if (flow->key == key) return flow;
  }
  return nullptr;
}

Flow* FlowTable::insert(const FlowKey& key) {
  if (free_.empty()) return nullptr;
  const uint32_t index = free_.back();
  free_.pop_back();
  const auto h = static_cast<uint32_t>(hash(key));
  size_t at = home(h);
  while (slots_[at].index != 0) at = (at + 1) & mask_;
  slots_[at] = {h, index + 1};
  flows_[index].key = key;
  return &flows_[index];
}

void FlowTable::erase(Flow* flow) {
  const auto index = static_cast<uint32_t>(flow - flows_.get());
  size_t hole = home(static_cast<uint32_t>(hash(flow->key)));
  while (slots_[hole].index != index + 1) hole = (hole + 1) & mask_;
  // Pull back every follower that may stand in the hole.
  for (size_t at = (hole + 1) & mask_; slots_[at].index != 0; at = (at + 1) & mask_) {
    const size_t wanted = home(slots_[at].hash);
    if (((at - wanted) & mask_) >= ((at - hole) & mask_)) {
      slots_[hole] = slots_[at];
      hole = at;
    }
  }
  slots_[hole] = {};
  free_.push_back(index);
}

}  // namespace postern::worker
