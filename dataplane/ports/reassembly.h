// IP fragments of mail, put together before a worker sees them.
//
// Theory of operation. Only the first fragment of a datagram shows its ports, so it decides: with a
// mail port, every fragment is kept here and the datagram goes on whole; with another, all go on as
// they came. Fragments that arrive before their first are held until it says whose they are. The
// table may forget a datagram at any time without harm to that rule: a first fragment with a mail
// port never goes on raw, and without it no receiver can read the rest.
//
// A datagram that is complete, with no two fragments overlapping, is joined by DPDK's
// librte_ip_frag; that library gives up a datagram for one repeated fragment and does not know
// whose it is, which is why fragments are collected here first. Overlapping fragments are never
// joined (RFC 5722, RFC 8200 4.5): the datagram is condemned, and what else comes of it is dropped.
// The TCP segment is checked, and cut again when it is longer than the ports' MTU.
//
// Memory is bounded: so many datagrams, of at most as many fragments as the library takes, each in
// the buffer in which it came. The table is divided into sets of a few slots and a sender's address
// chooses the set, so whoever floods it crowds out only those that share its set. A full set
// forgets first what was decided longest ago, then what has waited longest.
#pragma once

#include <rte_ip_frag.h>

#include <array>
#include <bitset>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/counters.h"
#include "dataplane/packet/fragment.h"
#include "dataplane/packet/frame.h"
#include "dataplane/ports/handover.h"
#include "dataplane/ports/mbuf_frame_source.h"
#include "dataplane/time.h"

namespace postern::ports {

struct ReassemblyConfig {
  std::vector<uint16_t> mail_ports{25};
  uint32_t datagrams = 256;  // under way at once
  uint32_t timeout_s = 30;   // from the first of them that arrived
  uint16_t mtu = 1500;       // of the ports
  bool verify_checksums = true;
};

// One polling lcore's: a worker that reads ports, or the distributor.
class Reassembly {
 public:
  static constexpr size_t kMostBurst = 64;

  // On the main thread. All outlive it. `handover`, if there is one, knows which worker has a
  // segment's flow; what others hand over comes out with the bursts.
  static std::expected<std::unique_ptr<Reassembly>, std::string> create(
      const ReassemblyConfig& config, MbufFrameSource* frames, Counters* counters,
      Handover* handover = nullptr);
  // Frames that the pool must have for it beside all others.
  static uint64_t frames_needed(uint32_t datagrams);
  ~Reassembly();
  Reassembly(const Reassembly&) = delete;
  Reassembly& operator=(const Reassembly&) = delete;

  // A burst of at most kMostBurst received frames goes in; what goes on in their place comes out,
  // in order, until the next call. Also one bounded step of timeouts: call it once per loop, with
  // an empty burst if there is none.
  std::span<rte_mbuf*> reassemble(std::span<rte_mbuf*> burst, packet::Side arrived, const Now& now);
  // Drops all that is held.
  void clear();

 private:
  static constexpr size_t kMostFragments = RTE_LIBRTE_IP_FRAG_MAX_FRAG;
  static constexpr size_t kSlotsPerSet = 16;
  // What one frame that comes in can make go out: all that was held of a datagram, or the parts of
  // one that was joined.
  static constexpr size_t kMostParts = 16;

  // What a datagram is known to be. Fragments are held while it is kUnknown or kMail.
  enum class State : uint8_t {
    kFree,
    kUnknown,    // its first fragment has not come: held
    kMail,       // collected
    kPassing,    // not ours
    kCondemned,  // dropped, for `reason`
  };
  struct Held {
    rte_mbuf* mbuf;
    uint16_t l3_offset, data_offset, data_length, place;
    bool more, plain;
    uint8_t congestion;
    uint32_t end() const { return uint32_t{place} + data_length; }
  };
  struct Datagram {
    State state = State::kFree;
    packet::Side side = packet::Side::kInside;
    uint8_t count = 0;  // of `held`
    Counter reason = Counter::kDropFragment;
    uint32_t id = 0, vlan = 0;
    IpAddress source, destination;
    uint64_t began_us = 0;
    uint32_t length = 0;    // octets it has; 0: its last fragment has not come
    uint32_t received = 0;  // octets that have come
    uint32_t ports_end = 0;
    std::array<Held, kMostFragments> held;
  };

  Reassembly(const ReassemblyConfig& config, MbufFrameSource* frames, Counters* counters,
             Handover* handover);
  void take(rte_mbuf* mbuf, const packet::Fragment& fragment, packet::Side arrived, const Now& now);
  std::span<Datagram> set_of(const IpAddress& source, uint32_t vlan);
  Datagram& find(const packet::Fragment& fragment, packet::Side arrived, const Now& now);
  void take_first(Datagram& datagram, const Held& first, const packet::Ownership& ownership,
                  const Now& now);
  void take_later(Datagram& datagram, const Held& later);
  void hold(Datagram& datagram, const Held& held);
  void collect(Datagram& datagram, const Held& held);
  std::optional<Counter> fault_of(const Held& held) const;
  std::optional<Counter> conflict_of(const Datagram& datagram, const Held& held) const;
  void condemn(Datagram& datagram, Counter reason);
  void condemn(Datagram& datagram, const Held& held, Counter reason);
  void forget(Datagram& datagram, Counter reason);
  void drop(const Held& held, Counter reason);
  void count_in(uint64_t frames, uint64_t bytes);
  void expire_step(const Now& now);
  void join(Datagram& datagram);
  rte_mbuf* join_by_library(const Datagram& datagram, size_t count);
  std::optional<Counter> send_on(packet::Frame& whole, packet::Side arrived, bool congested);
  void send_to(std::optional<uint16_t> owner, packet::Side arrived, rte_mbuf* mbuf);
  void put(rte_mbuf* mbuf) { out_[out_count_++] = mbuf; }
  bool is_mail(const packet::Ownership& ownership) const {
    return mail_port_[ownership.source_port] || mail_port_[ownership.destination_port];
  }

  struct TableFree {
    void operator()(rte_ip_frag_tbl* table) const { rte_ip_frag_table_destroy(table); }
  };
  const ReassemblyConfig config_;
  const uint64_t timeout_us_, expiry_interval_us_;
  const uint64_t secret_;  // so that nobody can choose whose set to flood
  MbufFrameSource* const frames_;
  Counters* const counters_;
  Handover* const handover_;  // null: every flow is this lcore's
  std::bitset<65536> mail_port_;
  std::vector<Datagram> slots_;  // sets of kSlotsPerSet
  size_t occupied_ = 0;
  size_t next_to_expire_ = 0;  // set
  uint64_t next_expiry_us_ = 0;
  std::unique_ptr<rte_ip_frag_tbl, TableFree> table_;
  rte_ip_frag_death_row death_row_{};
  uint64_t joins_ = 0;          // the library's clock
  std::vector<uint8_t> whole_;  // a joined datagram in one piece
  uint16_t next_id_;            // identifications of parts
  std::array<rte_mbuf*, kMostBurst * kMostParts + kMostBurst> out_;
  size_t out_count_ = 0;
};

}  // namespace postern::ports
