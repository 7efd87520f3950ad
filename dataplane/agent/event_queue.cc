#include "dataplane/agent/event_queue.h"

#include <algorithm>
#include <bit>

namespace postern::agent {

EventQueue::EventQueue(uint32_t capacity)
    : mask_(std::bit_ceil(std::clamp(capacity, 1u, 1u << 30)) - 1),
      slots_(std::make_unique<worker::Event[]>(mask_ + 1)),
      samples_(std::make_unique<worker::HeaderSample[]>(kSamples)) {}

worker::Event* EventQueue::reserve() {
  const uint32_t next = published_.load(std::memory_order_relaxed);
  if (next - drained_seen_ > mask_) {
    drained_seen_ = drained_.load(std::memory_order_acquire);
    if (next - drained_seen_ > mask_) return nullptr;
  }
  // Default initialisation: resets the fields and leaves the characters of the texts alone.
  return new (&slots_[next & mask_]) worker::Event;
}

// The samples' slots are given back in order, so the next one is free if any is.
worker::HeaderSample* EventQueue::reserve_sample() {
  if (samples_taken_ - samples_drained_.load(std::memory_order_acquire) == kSamples) return nullptr;
  return &samples_[samples_taken_++ % kSamples];
}

void EventQueue::publish(worker::Event*) {
  published_.store(published_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

}  // namespace postern::agent
