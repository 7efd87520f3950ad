// A worker's events on their way to the agent: bounded, one writer, one reader, no lock.
//
// The storage is made at start, that of header samples apart from that of events: few events have
// one. Samples come and go in the order of their events. The worker fills a slot in place and
// publishes it; the agent's thread drains. A full queue says so to the worker, which counts the
// loss and goes on.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "dataplane/worker/event.h"

namespace postern::agent {

class EventQueue final : public worker::EventSink {
 public:
  // Header samples that may wait at once.
  static constexpr uint32_t kSamples = 64;

  // `capacity` is rounded up to a power of two. An event is about 8 KiB, a sample 4.
  explicit EventQueue(uint32_t capacity);

  // The worker's thread.
  worker::Event* reserve() override;
  void publish(worker::Event* event) override;
  worker::HeaderSample* reserve_sample() override;

  // The agent's thread: gives at most `most` events to `receive`, oldest first, and frees their
  // slots one by one. Returns how many there were.
  template <typename Receive>
  uint32_t drain(Receive&& receive, uint32_t most = UINT32_MAX) {
    const uint32_t published = published_.load(std::memory_order_acquire);
    uint32_t next = drained_.load(std::memory_order_relaxed);
    uint32_t count = 0;
    for (; next != published && count < most; ++count) {
      const worker::Event& event = slots_[next & mask_];
      receive(event);
      if (event.header_sample != nullptr) {
        samples_drained_.store(samples_drained_.load(std::memory_order_relaxed) + 1,
                               std::memory_order_release);
      }
      drained_.store(++next, std::memory_order_release);
    }
    return count;
  }

  uint32_t capacity() const { return mask_ + 1; }

 private:
  const uint32_t mask_;
  const std::unique_ptr<worker::Event[]> slots_;
  const std::unique_ptr<worker::HeaderSample[]> samples_;
  // Running counts, each on the cache line of who writes it.
  alignas(64) std::atomic<uint32_t> published_{0};
  uint32_t drained_seen_ = 0;   // the worker's last look at drained_
  uint32_t samples_taken_ = 0;  // the worker's
  alignas(64) std::atomic<uint32_t> drained_{0};
  std::atomic<uint32_t> samples_drained_{0};
};

}  // namespace postern::agent
