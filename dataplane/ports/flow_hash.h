// Which worker a frame belongs to, when the NIC cannot say.
//
// Theory of operation. Both directions of a TCP connection must meet the same worker, so the hash
// is the same when source and destination change places: each end (address and port) is mixed by
// itself, and the two are added. Frames of anything but whole TCP segments are hashed by their
// addresses alone: a fragment shows no ports, and other traffic only has to stay in order. VLAN
// tags do not count. What is not IP hashes to 0: the first worker keeps all of it in order.
#pragma once

#include <cstdint>
#include <span>

namespace postern::ports {

// `frame` starts at the Ethernet header; any bytes, any length.
uint32_t symmetric_flow_hash(std::span<const uint8_t> frame);

// Spreads hashes evenly over `workers` (at least 1): 0 to workers - 1.
constexpr uint32_t worker_of(uint32_t hash, uint32_t workers) {
  return static_cast<uint32_t>(static_cast<uint64_t>(hash) * workers >> 32);
}

}  // namespace postern::ports
