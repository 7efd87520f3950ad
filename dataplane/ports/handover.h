// Segments that one worker has put together and another owns, where the NICs spread flows.
//
// Theory of operation. With RSS, fragments come to a queue by their addresses, whole segments by
// their ports as well, so the worker that puts a segment together is seldom the one that has its
// flow. Who has it can be computed as the NIC does it, and the segment goes there by a ring. To
// give it to the wrong worker would be to let it pass unread; therefore a NIC is believed to do the
// same only once it was seen: the hashes that it delivers with whole segments of that kind (IP
// version, number of tags) are ours. That is asked when the first such datagram is put together,
// which is dropped for it; senders repeat what is lost.
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/packet/frame.h"
#include "dataplane/packet/parse.h"

namespace postern::ports {

// A ring for each worker and side; any worker fills it, its owner empties it.
class HandoverRings {
 public:
  static std::expected<std::unique_ptr<HandoverRings>, std::string> create(uint16_t workers);
  ~HandoverRings();

  uint16_t workers() const { return static_cast<uint16_t>(rings_.size()); }
  rte_ring* to(uint16_t worker, packet::Side side) const {
    return rings_[worker][static_cast<size_t>(side)].get();
  }

 private:
  static constexpr uint32_t kRingFrames = 256;
  struct Free {
    void operator()(rte_ring* ring) const { rte_ring_free(ring); }
  };
  std::vector<std::array<std::unique_ptr<rte_ring, Free>, 2>> rings_;
};

// One worker's end of it.
class Handover {
 public:
  // `worker` polls the queue of its number; the ports' redirection tables have `table_entries`.
  Handover(uint16_t worker, uint16_t table_entries, const HandoverRings* rings)
      : worker_(worker), table_entries_(table_entries), rings_(rings) {}

  // The worker that has the flow of a segment; nothing while that is not known for certain.
  std::optional<uint16_t> owner_of(const packet::TcpPacket& tcp, packet::Side arrived);
  // Looks at what came by the worker's queue, as long as there is something to find out.
  void learn(std::span<rte_mbuf* const> burst, packet::Side arrived) {
    if (asked_ > 0) [[unlikely]]
      compare(burst, arrived);
  }

  uint16_t worker() const { return worker_; }
  // False: the ring is full; the frame stays the caller's.
  bool give(rte_mbuf* frame, uint16_t owner, packet::Side arrived) const {
    return rte_ring_enqueue(rings_->to(owner, arrived), frame) == 0;
  }
  bool waiting(packet::Side arrived) const {
    return rte_ring_empty(rings_->to(worker_, arrived)) == 0;
  }
  // How many of what others have given were put into `frames`.
  size_t receive(std::span<rte_mbuf*> frames, packet::Side arrived) const {
    return rte_ring_sc_dequeue_burst(rings_->to(worker_, arrived),
                                     reinterpret_cast<void**>(frames.data()),
                                     static_cast<unsigned>(frames.size()), nullptr);
  }

 private:
  // So many hashes must have been the same; a chance of 2^-16 each.
  static constexpr uint8_t kEnough = 4;
  enum class Known : uint8_t { kUnasked, kAsked, kSame, kDifferent };
  struct Kind {
    Known known = Known::kUnasked;
    uint8_t same = 0;
  };
  Kind* kind_of(const packet::TcpPacket& tcp, packet::Side arrived);
  void compare(std::span<rte_mbuf* const> burst, packet::Side arrived);
  uint16_t worker_of(uint32_t hash) const;

  const uint16_t worker_, table_entries_;
  const HandoverRings* const rings_;
  std::array<Kind, 2 * 2 * 3> kinds_;  // side, IP version, tags
  uint32_t asked_ = 0;                 // kinds that are kAsked
};

}  // namespace postern::ports
