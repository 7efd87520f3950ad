// What each client host takes of a worker's memory, and how much it may.
//
// Theory of operation. Every resource that a connection can use up (flows, message slots,
// transactions, answers, bytes held) is shared by all hosts. A host may take one more as long as it
// has less than what is still free (dynamic thresholds: Choudhury and Hahne, "Dynamic queue length
// thresholds for shared-memory packet switches", 1998, with alpha 1). So one host alone gets at
// most half of anything, n greedy ones 1/(n + 1) each, and as much is left for whoever comes next.
// Nothing is reserved and nothing has to be configured.
#pragma once

#include <cstdint>

#include "base/ip.h"
#include "dataplane/worker/keyed_table.h"

namespace postern::worker {

constexpr bool within_fair_share(uint64_t used_by_host, uint64_t free) {
  return used_by_host < free;
}

struct Host {
  IpAddress key;
  uint32_t flows = 0;
  uint32_t messages = 0;
  uint32_t transactions = 0;
  uint32_t answers = 0;
  uint64_t held_bytes = 0;  // of buffer, by the streams of its connections
};

// Hosts that have connections, one thread. An IPv6 host is its /64: it has as many addresses as it
// likes there (RFC 4291 2.5.4).
class Hosts {
 public:
  // One host a flow at most, and one that has none yet.
  Hosts(uint32_t flows, uint64_t hash_key) : table_(flows + 1, hash_key) {}

  // The host has one flow more. Never null.
  Host* enter(const IpAddress& address) {
    const IpAddress key = host_of(address);
    const uint64_t hash = table_.hash(key);
    Host* host = table_.find(key, hash);
    if (host == nullptr) {
      host = table_.insert(key, hash);
      *host = Host{.key = key};
    }
    ++host->flows;
    return host;
  }
  // One less; with its last one the host is forgotten. Whatever it held has been given back.
  void leave(Host* host) {
    if (--host->flows == 0) table_.erase(host);
  }

 private:
  static IpAddress host_of(const IpAddress& address) {
    return address.is_v4() ? address : IpPrefix::containing(address, 64).address;
  }
  KeyedTable<Host> table_;
};

}  // namespace postern::worker
