// Recorded connections as the load of a worker: many clients, interleaved, in memory.
//
// Theory of operation. Everything that a NIC would do is done before the clock runs: each
// connection gets a client address and port of its own, right checksums, and its place in the order
// of arrival. restore() puts the frames back as they were, since a pipeline edits what it forwards;
// that is not timed either. What is timed touches each frame for the first time, as a worker does.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "bench/conversation.h"
#include "dataplane/packet/frame.h"
#include "dataplane/packet/heap_frames.h"

namespace postern::bench {

struct TrafficShape {
  uint32_t connections = 0;   // in all; recordings are used in turn
  uint32_t open = 64;         // connections open at once
  uint32_t active = 64;       // of these, how many are in their transaction at once
  uint32_t first_client = 0;  // the number of the first connection's client
};

struct Arrival {
  packet::Frame* frame;
  packet::Side side;
};

// Makes a recorded frame one of that client: 10.0.0.0/8 and on, sixteen ports an address.
void set_client(packet::Frame& frame, packet::Side arrives, uint32_t client);

class Traffic : public packet::FrameSource {
 public:
  Traffic(const std::vector<Conversation>& recordings, const TrafficShape& shape);

  // Every frame is again as it arrives. `checksums_trusted`: a NIC has checked them.
  void restore(bool checksums_trusted);
  std::span<const Arrival> arrivals() const { return arrivals_; }
  // What the connections add to a pipeline's counters, and the frames that it sends for them.
  const CounterValues& expected_counters() const { return expected_counters_; }
  uint64_t expected_sent() const { return expected_sent_; }
  const TrafficShape& shape() const { return shape_; }
  uint64_t octets() const { return octets_; }  // of all frames
  uint64_t messages() const { return messages_; }
  uint64_t refused() const { return refused_; }  // messages, each the last of its connection
  // Its place among the arrivals; none: we have forged it.
  std::optional<size_t> place_of(const packet::Frame& frame) const;
  // Frames somebody still holds.
  uint64_t held() const { return held_ + forged_.in_use(); }

  packet::Frame* allocate() override { return forged_.allocate(); }
  void retain(packet::Frame* frame) override;
  void release(packet::Frame* frame) override;

 private:
  struct Recorded : packet::Frame {
    uint32_t references = 0;
    size_t at = 0;  // in the arenas
    uint32_t recorded_length = 0;
  };
  struct ArenaFree {
    void operator()(uint8_t* arena) const;
  };
  using Arena = std::unique_ptr<uint8_t[], ArenaFree>;

  static Arena make_arena(size_t bytes);
  void lay_out(const std::vector<Conversation>& recordings);
  void store(const RecordedFrame& frame, uint32_t connection, Recorded& slot);

  const TrafficShape shape_;
  size_t arena_bytes_ = 0;
  Arena pristine_, working_;
  std::vector<Recorded> frames_;
  std::vector<Arrival> arrivals_;
  packet::HeapFrames forged_{16384};
  CounterValues expected_counters_{};
  uint64_t expected_sent_ = 0, octets_ = 0, messages_ = 0, refused_ = 0, held_ = 0;
};

}  // namespace postern::bench
