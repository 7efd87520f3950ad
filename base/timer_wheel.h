// Timers for very many objects: a hashed timing wheel (Varghese and Lauck, "Hashed and hierarchical
// timing wheels", 1987, scheme 6).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace postern {

// Part of an object that has one timer. Not copied while scheduled.
struct TimerEntry {
  TimerEntry* previous = nullptr;
  TimerEntry* next = nullptr;
  uint64_t deadline_us = 0;  // 0: not scheduled
};

// Setting, moving and cancelling cost a few loads; expiry is accurate to one tick. One thread.
class TimerWheel {
 public:
  static constexpr uint64_t kTickUs = 65'536;  // about 1/15 s
  static constexpr size_t kSlots = 1024;       // a turn is 67 s; later deadlines go round again

  TimerWheel() {
    for (auto& slot : slots_) slot.previous = slot.next = &slot;
  }
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  void schedule(TimerEntry* entry, uint64_t deadline_us) {
    cancel(entry);
    entry->deadline_us = deadline_us;
    TimerEntry& slot = slots_[slot_of(deadline_us)];
    entry->previous = slot.previous;
    entry->next = &slot;
    slot.previous->next = entry;
    slot.previous = entry;
  }

  void cancel(TimerEntry* entry) {
    if (entry->deadline_us == 0) return;
    entry->previous->next = entry->next;
    entry->next->previous = entry->previous;
    entry->deadline_us = 0;
  }

  // Calls `due(TimerEntry*)` for at most `most` entries whose deadline has passed; each has been
  // cancelled before the call and may be scheduled again in it.
  template <typename Due>
  void advance(uint64_t now_us, size_t most, Due&& due) {
    const uint64_t now_tick = now_us / kTickUs;
    if (!started_) {
      tick_ = now_tick;
      started_ = true;
    }
    // After a long pause one turn visits every slot.
    if (now_tick > tick_ + kSlots) tick_ = now_tick - kSlots;
    while (true) {
      TimerEntry& slot = slots_[tick_ % kSlots];
      for (TimerEntry* entry = slot.next; entry != &slot;) {
        TimerEntry* next = entry->next;
        if (entry->deadline_us <= now_us) {
          if (most-- == 0) return;  // the same slot goes on next time
          cancel(entry);
          due(entry);
        }
        entry = next;
      }
      if (tick_ >= now_tick) return;
      ++tick_;
    }
  }

 private:
  static size_t slot_of(uint64_t deadline_us) { return (deadline_us / kTickUs) % kSlots; }

  std::array<TimerEntry, kSlots> slots_;
  uint64_t tick_ = 0;
  bool started_ = false;
};

}  // namespace postern
