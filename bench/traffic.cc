#include "bench/traffic.h"

#include <sys/mman.h>

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <cstring>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/checksum.h"

namespace postern::bench {

using packet::Frame;

namespace {

constexpr size_t kHugePage = 2 << 20;
constexpr size_t kCacheLine = 64;
constexpr uint32_t kMbufBytes = 2176;  // what the allowances for held bytes count a buffer as

size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

// Which connection's frame comes next: a step of the order of arrival.
struct Step {
  uint32_t connection;
  uint32_t frame;
};

// Connections take turns, one frame each. `shape.open` of them open; then `shape.active` at a time
// go through the rest, the next beginning where one ends; then the next batch opens.
std::vector<Step> order_of_arrival(const std::vector<Conversation>& recordings,
                                   const TrafficShape& shape) {
  std::vector<Step> order;
  const auto recording = [&](uint32_t connection) -> const Conversation& {
    return recordings[connection % recordings.size()];
  };
  for (uint32_t first = 0; first < shape.connections; first += shape.open) {
    const uint32_t end = std::min(first + shape.open, shape.connections);
    bool any = true;
    for (uint32_t frame = 0; any; ++frame) {
      any = false;
      for (uint32_t c = first; c < end; ++c) {
        if (frame >= recording(c).opening_frames) continue;
        order.push_back({c, frame});
        any = true;
      }
    }
    std::vector<Step> active;
    uint32_t next = first;
    while (next < end || !active.empty()) {
      while (active.size() < shape.active && next < end) {
        active.push_back({next, static_cast<uint32_t>(recording(next).opening_frames)});
        ++next;
      }
      for (Step& step : active) {
        order.push_back(step);
        ++step.frame;
      }
      std::erase_if(
          active, [&](const Step& s) { return s.frame == recording(s.connection).frames.size(); });
    }
  }
  return order;
}

}  // namespace

void set_client(Frame& frame, packet::Side arrives, uint32_t client) {
  const packet::TcpPacket tcp = packet::parse(frame);
  assert(!tcp.is_v6);
  const bool from_client = arrives == packet::Side::kInside;
  packet::store_be32(frame.data() + tcp.l3_offset + (from_client ? 12 : 16),
                     0x0a000000u + 1 + client / 16);
  packet::store_be16(frame.data() + tcp.l4_offset + (from_client ? 0 : 2),
                     static_cast<uint16_t>(40'000 + client % 16));
  packet::fill_checksums(frame);
}

void Traffic::ArenaFree::operator()(uint8_t* arena) const { std::free(arena); }

// On huge pages when the kernel has them to give, as a pool of mbufs is.
Traffic::Arena Traffic::make_arena(size_t bytes) {
  const size_t rounded = round_up(bytes, kHugePage);
  auto* arena = static_cast<uint8_t*>(std::aligned_alloc(kHugePage, rounded));
  if (arena == nullptr) throw std::bad_alloc();
  madvise(arena, rounded, MADV_HUGEPAGE);
  std::memset(arena, 0, rounded);
  return Arena(arena);
}

Traffic::Traffic(const std::vector<Conversation>& recordings, const TrafficShape& shape)
    : shape_(shape) {
  for (uint32_t c = 0; c < shape.connections; ++c) {
    const Conversation& recording = recordings[c % recordings.size()];
    for (size_t i = 0; i < kCounters; ++i) expected_counters_[i] += recording.counters[i];
    expected_sent_ += recording.frames_sent;
    messages_ += recording.messages;
    refused_ += recording.refused;
  }
  lay_out(recordings);
}

void Traffic::lay_out(const std::vector<Conversation>& recordings) {
  const auto order = order_of_arrival(recordings, shape_);
  const auto recorded = [&](const Step& step) -> const RecordedFrame& {
    return recordings[step.connection % recordings.size()].frames[step.frame];
  };
  for (const Step& step : order) arena_bytes_ += round_up(recorded(step).bytes.size(), kCacheLine);
  pristine_ = make_arena(arena_bytes_);
  working_ = make_arena(arena_bytes_);
  frames_.resize(order.size());
  arrivals_.reserve(order.size());
  size_t at = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    const RecordedFrame& frame = recorded(order[i]);
    frames_[i].at = at;
    store(frame, order[i].connection, frames_[i]);
    at += round_up(frame.bytes.size(), kCacheLine);
    octets_ += frame.bytes.size();
    arrivals_.push_back({&frames_[i], frame.arrives});
  }
}

void Traffic::store(const RecordedFrame& frame, uint32_t connection, Recorded& slot) {
  slot.buffer = pristine_.get() + slot.at;
  slot.capacity = kMbufBytes;
  slot.offset = 0;
  slot.length = slot.recorded_length = static_cast<uint32_t>(frame.bytes.size());
  std::memcpy(slot.data(), frame.bytes.data(), frame.bytes.size());
  set_client(slot, frame.arrives, shape_.first_client + connection);
  slot.buffer = working_.get() + slot.at;
  slot.source = this;
}

std::optional<size_t> Traffic::place_of(const Frame& frame) const {
  if (frame.source != this) return std::nullopt;
  return static_cast<size_t>(static_cast<const Recorded*>(&frame) - frames_.data());
}

void Traffic::restore(bool checksums_trusted) {
  std::memcpy(working_.get(), pristine_.get(), arena_bytes_);
  for (Recorded& frame : frames_) {
    frame.offset = 0;
    frame.length = frame.recorded_length;
    frame.checksum_trusted = checksums_trusted;
    frame.checksum_needed = false;
    frame.references = 1;
  }
  held_ = frames_.size();
}

void Traffic::retain(Frame* frame) {
  if (frame->source != this) return forged_.retain(frame);
  ++static_cast<Recorded*>(frame)->references;
}

void Traffic::release(Frame* frame) {
  if (frame->source != this) return forged_.release(frame);
  if (--static_cast<Recorded*>(frame)->references == 0) --held_;
}

}  // namespace postern::bench
