// The worker's table of mail connections: fixed capacity, one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/worker/flow.h"

namespace postern::worker {

// Open addressing with linear probing and backward-shift deletion (Knuth 6.4, algorithm R) over
// slots of a hash and an index; at most half full. The hash is keyed, so that a stranger cannot
// choose ports that collide.
class FlowTable {
 public:
  FlowTable(uint32_t capacity, uint64_t hash_key);

  uint64_t hash(const FlowKey& key) const;
  Flow* find(const FlowKey& key) const;
  // A flow with this key, its other fields as its last user left them; null when the table is full.
  // The key must not be in the table.
  Flow* insert(const FlowKey& key);
  void erase(Flow* flow);

  uint32_t size() const { return capacity_ - static_cast<uint32_t>(free_.size()); }
  template <typename Visit>
  void for_each(Visit&& visit) {
    for (const Slot& slot : std::vector<Slot>(slots_)) {
      if (slot.index != 0) visit(&flows_[slot.index - 1]);
    }
  }

 private:
  struct Slot {
    uint32_t hash = 0;
    uint32_t index = 0;  // one more than the flow's; 0: empty
  };
  size_t home(uint32_t hash) const { return hash & mask_; }

  uint32_t capacity_;
  uint64_t hash_key_;
  size_t mask_;
  std::vector<Slot> slots_;
  std::unique_ptr<Flow[]> flows_;
  std::vector<uint32_t> free_;
};

}  // namespace postern::worker
