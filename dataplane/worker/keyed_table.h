// A worker's table of objects found by their key: fixed capacity, one thread.
//
// Theory of operation. Open addressing with linear probing and backward-shift deletion (Knuth 6.4,
// algorithm R) over slots of a hash and an index; at most half full. The hash is keyed, so that a
// stranger cannot choose keys that collide. A look-up among very many objects costs two cache
// misses, the slot's and the object's; a burst of them overlaps its misses by asking for all slots
// (prefetch_slot), then for all objects (prefetch_object), before it looks at any.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "base/huge_array.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace postern::worker {

// `Object::key` is hashed as bytes: its type has no padding.
template <typename Object>
class KeyedTable {
 public:
  using Key = decltype(Object::key);
  static_assert(std::has_unique_object_representations_v<Key>);

  KeyedTable(uint32_t capacity, uint64_t hash_key)
      : hash_key_(hash_key),
        mask_(std::bit_ceil(size_t{capacity} * 2) - 1),
        slots_(mask_ + 1),
        objects_(capacity) {
    free_.reserve(capacity);
    for (uint32_t i = capacity; i > 0; --i) free_.push_back(i - 1);
  }

  uint64_t hash(const Key& key) const { return XXH3_64bits_withSeed(&key, sizeof key, hash_key_); }
  [[gnu::always_inline]] void prefetch_slot(uint64_t hash) const {
    __builtin_prefetch(&slots_[home(hash)]);
  }
  // The first `lines` cache lines of the object that is most likely meant. Its slot has been
  // prefetched.
  [[gnu::always_inline]] void prefetch_object(uint64_t hash, size_t lines = 1) const {
    const auto h = static_cast<uint32_t>(hash);
    for (size_t at = home(hash); slots_[at].index != 0; at = (at + 1) & mask_) {
      if (slots_[at].hash != h) continue;
      const auto* line = reinterpret_cast<const char*>(&objects_[slots_[at].index - 1]);
      for (size_t i = 0; i < lines; ++i) __builtin_prefetch(line + 64 * i);
      return;
    }
  }

  // `hash` is the key's. Null: not in the table.
  Object* find(const Key& key, uint64_t hash) {
    const auto h = static_cast<uint32_t>(hash);
    for (size_t at = home(hash); slots_[at].index != 0; at = (at + 1) & mask_) {
      if (slots_[at].hash != h) continue;
      Object* object = &objects_[slots_[at].index - 1];
      if (object->key == key) return object;
    }
    return nullptr;
  }
  Object* find(const Key& key) { return find(key, hash(key)); }

  // True for every key in the table with this hash; hardly ever for one that is not.
  bool likely_contains(uint64_t hash) const {
    const auto h = static_cast<uint32_t>(hash);
    for (size_t at = home(hash); slots_[at].index != 0; at = (at + 1) & mask_) {
      if (slots_[at].hash == h) return true;
    }
    return false;
  }

  // An object with this key, its other fields as its last user left them; null when the table is
  // full. The key must not be in the table.
  Object* insert(const Key& key, uint64_t hash) {
    if (free_.empty()) return nullptr;
    const uint32_t index = free_.back();
    free_.pop_back();
    size_t at = home(hash);
    while (slots_[at].index != 0) at = (at + 1) & mask_;
    slots_[at] = {static_cast<uint32_t>(hash), index + 1};
    objects_[index].key = key;
    return &objects_[index];
  }
  Object* insert(const Key& key) { return insert(key, hash(key)); }

  void erase(Object* object) {
    const auto index = static_cast<uint32_t>(objects_.index_of(object));
    size_t hole = home(hash(object->key));
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

  uint32_t size() const { return capacity() - free(); }
  uint32_t free() const { return static_cast<uint32_t>(free_.size()); }
  uint32_t capacity() const { return static_cast<uint32_t>(objects_.size()); }
  // Of a table that is full every place holds an object in use.
  Object& place(uint32_t i) { return objects_[i]; }
  // `visit(Object*)` may erase what it is given.
  template <typename Visit>
  void for_each(Visit&& visit) {
    std::vector<uint32_t> used;
    for (size_t at = 0; at <= mask_; ++at) {
      if (slots_[at].index != 0) used.push_back(slots_[at].index - 1);
    }
    for (const uint32_t index : used) visit(&objects_[index]);
  }

 private:
  struct Slot {
    uint32_t hash = 0;
    uint32_t index = 0;  // one more than the object's; 0: empty
  };
  size_t home(uint64_t hash) const { return hash & mask_; }

  uint64_t hash_key_;
  size_t mask_;
  HugeArray<Slot> slots_;
  HugeArray<Object> objects_;
  std::vector<uint32_t> free_;
};

}  // namespace postern::worker
