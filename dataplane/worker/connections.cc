#include "dataplane/worker/connections.h"

#include <algorithm>
#include <bit>

#include "dataplane/stage.h"

namespace postern::worker {

using packet::Frame;
using packet::Side;
using packet::TcpPacket;

namespace {

// Timers handled in one step of expire().
constexpr size_t kTimersPerStep = 64;
// An ordinary buffer: what the worker's allowance for held bytes is divided by.
constexpr uint64_t kBufferBytes = 2048;
// How many flows make_room() looks at, and how long one must have been silent to go.
constexpr uint32_t kCandidates = 16;
constexpr uint64_t kSilentUs = 5'000'000;
// Unread connections are remembered for an hour or two, nearly as many as there can be flows.
constexpr uint64_t kUnreadBitsEach = 32, kUnreadBitsLeast = 4096;
constexpr uint64_t kUnreadForUs = 3'600'000'000;

uint64_t unread_bits(uint32_t flows) {
  return std::bit_ceil(std::max(flows * kUnreadBitsEach, kUnreadBitsLeast));
}

}  // namespace

Connections::Connections(const PipelineConfig& config, packet::FrameSource* frames,
                         Transmitter* transmitter, Counters* counters, MessageDesk* desk,
                         const smtp::ReplyTexts* texts, uint64_t hash_key)
    : config_(config),
      counters_(counters),
      held_(size_t{config.worker_held_bytes / kBufferBytes} + 1),
      answers_(config.answers),
      blocked_answers_(config.blocked_answers),
      storage_{&held_, 0, config.worker_held_bytes},
      shared_{.config = &config,
              .frames = frames,
              .transmitter = transmitter,
              .counters = counters,
              .desk = desk,
              .texts = texts,
              .stream_limits = {config.flow_out_of_order_bytes, config.flow_retained_bytes},
              .session_limits = {.passive = config.observe_only},
              .storage = &storage_,
              .answers = &answers_,
              .blocked_answers = &blocked_answers_},
      flows_(config.flows, hash_key),
      hosts_(config.flows, ~hash_key),
      unread_(unread_bits(config.flows), kUnreadForUs),
      renewed_(unread_bits(config.flows), 2 * kUnreadForUs) {}

std::expected<Flow*, Counter> Connections::make(const TcpPacket& tcp, uint64_t hash,
                                                const Now& now) {
  const FlowKey key = FlowKey::of(tcp);
  Host* host = hosts_.enter(tcp.source);
  const uint32_t others = host->flows - 1;
  if (Flow* former = flows_.find(key, hash)) {
    // Its place is the new one's: the host has no more than before.
    counters_->add(Counter::kFlowsReplaced);
    forget(*former, now);
  } else if (!within_fair_share(others, flows_.free()) && !make_room(others, now)) {
    hosts_.leave(host);
    return std::unexpected(flows_.free() == 0 ? Counter::kDropFlowCap : Counter::kDropHostShare);
  }
  Flow* flow = flows_.insert(key, hash);
  flow->host = host;
  return flow;
}

std::expected<Flow*, Counter> Connections::open(const Frame& frame, const TcpPacket& tcp,
                                                uint64_t hash, const Connection::Opening& opening,
                                                FlowState state, const Now& now) {
  const auto flow = make(tcp, hash, now);
  if (flow) Connection(shared_, **flow, now).open(frame, tcp, opening, state);
  return flow;
}

std::expected<Flow*, Counter> Connections::open_blocked(const Frame& frame, const TcpPacket& tcp,
                                                        uint64_t hash,
                                                        const Connection::Opening& opening,
                                                        CaseReference case_reference,
                                                        uint32_t timestamp, const Now& now) {
  const auto flow = make(tcp, hash, now);
  if (!flow) return flow;
  const Counter lack =
      Connection(shared_, **flow, now).open_blocked(frame, tcp, opening, case_reference, timestamp);
  if (lack == Counter::kCount) return flow;
  forget(**flow, now);
  return std::unexpected(lack);
}

// Forgets the flow that is worth least of some that the hand points at in turn (as the clock
// algorithm does; Corbato, "A paging experiment with the Multics system", 1968): one that is as
// good as over, or one long silent of a host with as many flows as the one that wants another.
// False: all are worth keeping.
bool Connections::make_room(uint32_t flows_of_host, const Now& now) {
  Flow* victim = nullptr;
  int victim_worth = 2;
  for (uint32_t i = 0; i < std::min(kCandidates, flows_.capacity()); ++i) {
    Flow& flow = flows_.place(hand_++ % flows_.capacity());
    if (flow.host == nullptr) continue;
    const int worth = Connection(shared_, flow, now).worth();
    const bool silent = now.monotonic_us - flow.last_seen_us >= kSilentUs;
    if (worth > 1 || (worth == 1 && !(silent && flow.host->flows >= flows_of_host))) continue;
    if (worth < victim_worth ||
        (worth == victim_worth && flow.last_seen_us < victim->last_seen_us)) {
      victim = &flow;
      victim_worth = worth;
    }
  }
  if (victim == nullptr) return false;
  counters_->add(Counter::kFlowsEvicted);
  Connection(shared_, *victim, now).tell_server_of_eviction();
  forget(*victim, now);
  return true;
}

void Connections::segment(Frame* frame, TcpPacket& tcp, Side arrived, Flow& flow, const Now& now) {
  const bool from_client = tcp.source == flow.client && tcp.source_port == flow.client_port;
  if ((from_client ? flow.client_side : packet::opposite(flow.client_side)) != arrived) {
    counters_->add(Counter::kDropWrongSide);
    return shared_.frames->release(frame);
  }
  Connection connection(shared_, flow, now);
  StageScope stage(Stage::kTcp);
  if (from_client) {
    connection.from_client(frame, tcp);
  } else {
    connection.from_server(frame, tcp);
  }
  if (connection.over()) return forget(flow, now);
  watch(flow, connection);
}

// A timer that is too early finds out when it fires: only an earlier deadline moves it.
void Connections::watch(Flow& flow, const Connection& connection) {
  const uint64_t deadline = connection.deadline_us();
  if (flow.deadline_us == 0 || deadline < flow.deadline_us) timers_.schedule(&flow, deadline);
}

void Connections::expire(const Now& now) {
  timers_.advance(now.monotonic_us, kTimersPerStep,
                  [&](TimerEntry* entry) { expire(*static_cast<Flow*>(entry), now); });
}

void Connections::expire(Flow& flow, const Now& now) {
  Connection connection(shared_, flow, now);
  if (connection.deadline_us() > now.monotonic_us || connection.expired()) {
    timers_.schedule(&flow,
                     std::max(connection.deadline_us(), now.monotonic_us + TimerWheel::kTickUs));
    return;
  }
  counters_->add(Counter::kFlowsExpired);
  forget(flow, now);
}

void Connections::forget(Flow& flow, const Now& now) {
  // One that was closed has nothing more to say.
  if (worker::unread(flow.state) && !flow.closing) leave_unread(flows_.hash(flow.key), now);
  Connection(shared_, flow, now).close();
  timers_.cancel(&flow);
  hosts_.leave(flow.host);
  flow.host = nullptr;
  counters_->add(Counter::kFlowsClosed);
  flows_.erase(&flow);
}

// What the server says in a live connection is never a SYN-ACK with other numbers.
void Connections::begins_anew(uint64_t hash, Flow* flow, const Now& now) {
  if (unread_.contains(hash, now.monotonic_us)) renewed_.insert(hash, now.monotonic_us);
  if (flow == nullptr) return;
  flow->renewal = true;
  // One that is not closing is told from a SYN-ACK in the server's name by the client's answer.
  if (worker::unread(flow->state) && flow->closing) forget(*flow, now);
}

void Connections::clear(const Now& now) {
  flows_.for_each([&](Flow* flow) { forget(*flow, now); });
}

}  // namespace postern::worker
