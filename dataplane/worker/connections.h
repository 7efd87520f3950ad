// A worker's connections: their flows, their hosts, their timers, and who gives way when there is
// no room.
#pragma once

#include <expected>

#include "base/pool.h"
#include "base/timer_wheel.h"
#include "dataplane/worker/connection.h"
#include "dataplane/worker/connection_filter.h"
#include "dataplane/worker/hosts.h"
#include "dataplane/worker/keyed_table.h"

namespace postern::worker {

class Connections {
 public:
  // All arguments outlive it. `hash_key` is secret.
  Connections(const PipelineConfig& config, packet::FrameSource* frames, Transmitter* transmitter,
              Counters* counters, MessageDesk* desk, const smtp::ReplyTexts* texts,
              uint64_t hash_key);

  uint64_t hash(const FlowKey& key) const { return flows_.hash(key); }
  void prefetch_slot(uint64_t hash) const { flows_.prefetch_slot(hash); }
  void prefetch_flow(uint64_t hash) const { flows_.prefetch_object(hash, kFlowLines); }
  Flow* find(const FlowKey& key, uint64_t hash) { return flows_.find(key, hash); }
  // Wrong only when it says yes, and that for one in four thousand million.
  bool likely_known(uint64_t hash) const { return flows_.likely_contains(hash); }
  uint64_t size() const { return flows_.size(); }

  // The client's segment `tcp` completes a handshake: a flow for its connection, which another flow
  // of the same key gives way to. The error is the counted reason why there is none.
  std::expected<Flow*, Counter> open(const packet::Frame& frame, const packet::TcpPacket& tcp,
                                     uint64_t hash, const Connection::Opening& opening,
                                     FlowState state, const Now& now);
  // The same with a sender that we block: `timestamp` as Connection::open_blocked() wants it.
  std::expected<Flow*, Counter> open_blocked(const packet::Frame& frame,
                                             const packet::TcpPacket& tcp, uint64_t hash,
                                             const Connection::Opening& opening,
                                             CaseReference case_reference, uint32_t timestamp,
                                             const Now& now);
  // A segment without SYN of a known connection. Takes the frame's reference.
  void segment(packet::Frame* frame, packet::TcpPacket& tcp, packet::Side arrived, Flow& flow,
               const Now& now);
  void expire(const Now& now);
  // Every flow is forgotten.
  void clear(const Now& now);

  // Connections that are forgotten but whose segments pass unread: they were not inspected.
  // Not those of the same key that have begun since.
  bool unread(uint64_t hash, const Now& now) {
    return unread_.contains(hash, now.monotonic_us) && !renewed_.contains(hash, now.monotonic_us);
  }
  // The server has agreed to a new connection of this key; `flow`: the former one's, or null. May
  // forget it.
  void begins_anew(uint64_t hash, Flow* flow, const Now& now);
  void leave_unread(uint64_t hash, const Now& now) { unread_.insert(hash, now.monotonic_us); }

 private:
  // What every segment reads of its flow stands in front of its session.
  static constexpr size_t kFlowLines = 5;

  std::expected<Flow*, Counter> make(const packet::TcpPacket& tcp, uint64_t hash, const Now& now);
  bool make_room(uint32_t flows_of_host, const Now& now);
  void forget(Flow& flow, const Now& now);
  void expire(Flow& flow, const Now& now);
  void watch(Flow& flow, const Connection& connection);

  const PipelineConfig& config_;
  Counters* counters_;
  FixedPool<tcp::Held> held_;
  FixedPool<Answer> answers_, blocked_answers_;
  tcp::Storage storage_;
  Connection::Shared shared_;
  KeyedTable<Flow> flows_;
  Hosts hosts_;
  TimerWheel timers_;
  ConnectionFilter unread_;
  ConnectionFilter renewed_;  // of unread_'s: they live longer than those
  uint32_t hand_ = 0;         // where make_room() looks next
};

}  // namespace postern::worker
