// Connections whose server has agreed and whose client has not answered yet (RFC 9293 3.5).
//
// Theory of operation. A flow is made only when a client's ACK completes the handshake; until then
// a connection costs 24 bytes here, so a flood of SYNs to servers that answer takes no flow. Places
// are in buckets of eight by the connection's hash. In a full bucket the oldest gives way: an
// honest client's ACK comes within a round trip, and a server whose ACK is missing says its SYN-ACK
// again, which makes the place anew. Places expire by themselves, unvisited.
#pragma once

#include <array>
#include <cstdint>

#include "base/huge_array.h"
#include "dataplane/packet/frame.h"
#include "dataplane/packet/seq.h"

namespace postern::worker {

struct Handshake {
  uint64_t connection = 0;  // the keyed hash of its key; 0: an empty place
  packet::SeqNum client_initial, server_initial;
  uint32_t seen_ms = 0;  // monotonic, wraps
  packet::Side client_side = packet::Side::kInside;
};
static_assert(sizeof(Handshake) == 24);

class Handshakes {
 public:
  // `capacity` is rounded up to a power of two.
  Handshakes(uint32_t capacity, uint32_t timeout_s);

  // True when one that had not expired gave way.
  bool remember(const Handshake& handshake, uint64_t now_us);
  // Null: unknown or expired. Valid until the next call.
  const Handshake* find(uint64_t connection, uint64_t now_us) const;
  void forget(uint64_t connection);
  // This connection may have been here and given way: all places that it could have are taken.
  bool crowded(uint64_t connection, uint64_t now_us) const;

 private:
  struct Bucket {
    std::array<Handshake, 8> places;
  };
  bool expired(const Handshake& handshake, uint64_t now_us) const;

  HugeArray<Bucket> buckets_;
  uint32_t timeout_ms_;
};

}  // namespace postern::worker
