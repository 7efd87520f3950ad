// Receive-side scaling as we set it up: which queue a NIC puts a whole TCP segment on.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/packet/parse.h"

namespace postern::ports {

// Hashing with this key gives the same value when source and destination change places: it repeats
// every 16 bits, the distance at which Toeplitz' hash lets addresses and ports be exchanged
// (Woo and Park, "Scalable TCP session monitoring with symmetric receive-side scaling", 2012).
std::vector<uint8_t> symmetric_rss_key(size_t bytes);

// What a NIC computes from the addresses and ports of a kTcp packet with that key.
uint32_t rss_hash(const packet::TcpPacket& tcp);

// Entry i of the redirection table belongs to queue i modulo their number, on both ports alike;
// drivers' defaults differ.
constexpr uint16_t rss_queue(uint32_t entry, uint16_t queues) {
  return static_cast<uint16_t>(entry % queues);
}

}  // namespace postern::ports
