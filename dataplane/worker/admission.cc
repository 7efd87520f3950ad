#include "dataplane/worker/admission.h"

#include <bit>

#include "dataplane/packet/edit.h"
#include "dataplane/verdict/narrow_blocks.h"

namespace postern::worker {

using packet::Frame;
using packet::Side;
using packet::TcpPacket;
using verdict::Treatment;

namespace {

constexpr uint64_t kSecondUs = 1'000'000;
// For connections that begin while others may be older than us: three for each handshake that
// there can be.
constexpr uint64_t kBegunBitsEach = 128;

}  // namespace

Admission::Admission(const PipelineConfig& config, packet::FrameSource* frames,
                     Transmitter* transmitter, Counters* counters,
                     const verdict::VerdictSource* verdicts, MessageDesk* desk,
                     Connections* connections)
    : config_(config),
      frames_(frames),
      transmitter_(transmitter),
      counters_(counters),
      verdicts_(verdicts),
      desk_(desk),
      connections_(connections),
      handshakes_(config.handshakes, config.embryonic_timeout_s),
      syn_answers_(config.blocked_answers, frames, transmitter, counters),
      begun_(std::bit_ceil(config.handshakes * kBegunBitsEach), UINT64_MAX) {}

void Admission::discard(Frame* frame, Counter reason) {
  counters_->add(reason);
  frames_->release(frame);
}

void Admission::pass_on(const Arrival& arrival, Counter counted_as) {
  counters_->add(counted_as);
  transmitter_->send(arrival.frame, packet::opposite(arrival.side));
}

// Nothing is left that the server could read: not the data, nor a mark that would take an octet
// that comes later out of the stream (RFC 6093 3.1).
void Admission::take_data_off(const Arrival& arrival) {
  if (arrival.tcp.has(packet::kUrg)) {
    counters_->add(Counter::kSegmentsUrgent);
    packet::clear_urgent(*arrival.frame, arrival.tcp);
  }
  if (arrival.tcp.payload_length == 0) return;
  if (arrival.tcp.has(packet::kSyn)) counters_->add(Counter::kSegmentsSynData);
  packet::trim_to(*arrival.frame, arrival.tcp, 0);
}

void Admission::syn(const Arrival& arrival, const Now& now) {
  const TcpPacket& tcp = arrival.tcp;
  const verdict::Verdict verdict =
      arrival.verdict != nullptr ? *arrival.verdict : verdicts_->lookup(tcp.source, now.wall_s());
  if (verdict.treatment == Treatment::kDrop) {
    return discard(arrival.frame, Counter::kDropVerdict);
  }
  const bool live = arrival.flow != nullptr && (arrival.flow->state == FlowState::kInspected ||
                                                arrival.flow->state == FlowState::kRefusing);
  if (verdict.treatment == Treatment::kRefuse) {
    if (live) return discard(arrival.frame, Counter::kDropSynInFlow);
    if (arrival.flow != nullptr) arrival.flow->renewal = true;
    counters_->add(Counter::kSynsAnswered);
    syn_answers_.answer(*arrival.frame, tcp, arrival.side, arrival.hash, now);
    return discard(arrival.frame, Counter::kDropRefused);
  }
  if (overloaded_ && config_.on_overload == FailMode::kClosed && !live) {
    return discard(arrival.frame, Counter::kDropOverload);
  }
  take_data_off(arrival);
  // The server challenges a SYN inside a connection (RFC 5961 4); a new connection of the same
  // addresses and ports is one when the server's SYN-ACK says so.
  if (live) counters_->add(Counter::kSynsInFlow);
  transmitter_->send(arrival.frame, packet::opposite(arrival.side));
}

void Admission::syn_ack(const Arrival& arrival, const Now& now) {
  const TcpPacket& tcp = arrival.tcp;
  if (const Flow* flow = arrival.flow) {
    if (flow->client_side == arrival.side) return discard(arrival.frame, Counter::kDropWrongSide);
    // We are the server of this connection.
    if (flow->answer != nullptr && !flow->answer->has_server) {
      return discard(arrival.frame, Counter::kDropRefused);
    }
  }
  take_data_off(arrival);
  const bool repeated = arrival.flow != nullptr && arrival.flow->server_initial == tcp.seq &&
                        arrival.flow->client_initial + 1 == tcp.ack;
  if (!repeated) {
    connections_->begins_anew(arrival.hash, arrival.flow, now);
    if (in_window(now)) begun_.insert(arrival.hash, now.monotonic_us);
    const bool displaced = handshakes_.remember({.connection = arrival.hash,
                                                 .client_initial = {tcp.ack.value - 1},
                                                 .server_initial = tcp.seq,
                                                 .seen_ms = 0,
                                                 .client_side = packet::opposite(arrival.side)},
                                                now.monotonic_us);
    if (displaced) counters_->add(Counter::kHandshakesDisplaced);
  }
  transmitter_->send(arrival.frame, packet::opposite(arrival.side));
}

// The server's own SYN-ACK begins a connection that both open at once, and a plain ACK completes
// it: the client's SYN-ACK adds nothing but its data, which waits.
void Admission::stray_syn(const Arrival& arrival) {
  if (arrival.flow != nullptr) return discard(arrival.frame, Counter::kDropSimultaneousOpen);
  if (arrival.to_server && arrival.tcp.has(packet::kAck)) {
    take_data_off(arrival);
  }
  pass_on(arrival, Counter::kFramesNotInspected);
}

bool Admission::begins(const Arrival& arrival, const Now& now) {
  const TcpPacket& tcp = arrival.tcp;
  return arrival.to_server && tcp.has(packet::kAck) && !tcp.has(packet::kRst) &&
         completes_handshake(arrival, now);
}

void Admission::unknown(const Arrival& arrival, const Now& now) {
  const TcpPacket& tcp = arrival.tcp;
  if (connections_->unread(arrival.hash, now)) {
    return pass_on(arrival, Counter::kFramesNotInspected);
  }
  const bool before_us = open_before_us(arrival, now);
  if (before_us || config_.observe_only) {
    // The server's word proves the connection: it passes from now on. Anybody can send such words,
    // so that not more of them are remembered than can be told apart.
    if (before_us && !arrival.to_server && !tcp.has(packet::kRst) && proven_ < config_.flows / 2) {
      ++proven_;
      connections_->leave_unread(arrival.hash, now);
    }
    return pass_on(arrival, Counter::kFramesMidStream);
  }
  // It may complete a handshake that had to give way: then the server has to say its SYN-ACK again.
  constexpr uint8_t kMeaning = packet::kFin | packet::kSyn | packet::kRst | packet::kAck;
  const bool bare_ack = (tcp.flags & kMeaning) == packet::kAck && tcp.payload_length == 0;
  if (arrival.to_server && bare_ack && handshakes_.crowded(arrival.hash, now.monotonic_us)) {
    return discard(arrival.frame, Counter::kDropHandshakeCap);
  }
  if (arrival.to_server && tcp.payload_length > 0) reset_server(arrival);
  if (arrival.to_server) take_data_off(arrival);
  // What carries nothing harms nothing, and the end that has no such connection tells the other.
  pass_on(arrival, Counter::kSegmentsUnknown);
}

bool Admission::in_window(const Now& now) const {
  return now.monotonic_us - started_us_ < config_.mid_stream_window_s * kSecondUs;
}

bool Admission::open_before_us(const Arrival& arrival, const Now& now) {
  return config_.mid_stream == MidStream::kPass && in_window(now) &&
         !begun_.contains(arrival.hash, now.monotonic_us);
}

bool Admission::completes_handshake(const Arrival& arrival, const Now& now) {
  const TcpPacket& tcp = arrival.tcp;
  const verdict::Verdict verdict = verdicts_->lookup(tcp.source, now.wall_s());
  if (verdict.treatment == Treatment::kRefuse && syn_answers_.completes(tcp, arrival.hash, now)) {
    open_blocked(arrival, verdict, now);
    return true;
  }
  const Handshake* handshake = handshakes_.find(arrival.hash, now.monotonic_us);
  if (handshake == nullptr || handshake->client_side != arrival.side ||
      tcp.ack != handshake->server_initial + 1) {
    return false;
  }
  const int32_t offset = tcp.seq - (handshake->client_initial + 1);
  if (offset < 0 || offset > static_cast<int32_t>(config_.flow_out_of_order_bytes)) {
    // One that begins before the server's window and ends inside it completes the handshake there
    // all the same (RFC 9293 3.4), and then no other segment would have to.
    const bool read = arrival.flow != nullptr && !unread(arrival.flow->state);
    if (read || config_.observe_only) return false;
    discard(arrival.frame, Counter::kDropOutOfWindow);
    return true;
  }
  const Connection::Opening opening{handshake->client_initial, handshake->server_initial,
                                    handshake->client_side};
  const bool overloaded = overloaded_ && config_.on_overload == FailMode::kOpen;
  // A block on a part of its mail is enforced by reading it.
  const verdict::NarrowBlocks* const narrow = verdicts_->narrow();
  const bool pass = verdict.treatment == Treatment::kPass &&
                    (narrow == nullptr || !narrow->any_on(tcp.source, now.wall_s()));
  const auto flow =
      connections_->open(*arrival.frame, tcp, arrival.hash, opening,
                         pass || overloaded ? FlowState::kUninspected : FlowState::kInspected, now);
  if (flow) {
    handshakes_.forget(arrival.hash);
    if (overloaded && !pass) counters_->add(Counter::kConnectionsLetThrough);
    connections_->segment(arrival.frame, arrival.tcp, arrival.side, **flow, now);
    return true;
  }
  // Without an ACK the server repeats its SYN-ACK, and the client this.
  if (flow.error() != Counter::kDropFlowCap || config_.on_memory_cap == FailMode::kClosed) {
    discard(arrival.frame, flow.error());
    return true;
  }
  handshakes_.forget(arrival.hash);
  counters_->add(Counter::kConnectionsLetThrough);
  connections_->leave_unread(arrival.hash, now);
  return false;
}

void Admission::open_blocked(const Arrival& arrival, const verdict::Verdict& verdict,
                             const Now& now) {
  const TcpPacket& tcp = arrival.tcp;
  const Connection::Opening opening{{tcp.seq.value - 1}, {tcp.ack.value - 1}, arrival.side};
  const CaseReference case_reference =
      verdict.case_reference ? verdict.case_reference : desk_->new_case_reference();
  const auto flow =
      connections_->open_blocked(*arrival.frame, tcp, arrival.hash, opening, case_reference,
                                 syn_answers_.timestamp(arrival.hash, now), now);
  if (!flow) return discard(arrival.frame, flow.error());
  counters_->add(Counter::kConnectionsRefused);
  desk_->report_blocked_connection(**flow, verdict, case_reference, now);
  connections_->segment(arrival.frame, arrival.tcp, arrival.side, **flow, now);
}

// In the name of a client that we do not know, at its own place in sequence.
void Admission::reset_server(const Arrival& arrival) {
  const TcpPacket& tcp = arrival.tcp;
  Frame* frame = packet::forge(*frames_, packet::LinkHeader::of(*arrival.frame, tcp),
                               {.source = tcp.source,
                                .destination = tcp.destination,
                                .source_port = tcp.source_port,
                                .destination_port = tcp.destination_port,
                                .seq = tcp.seq,
                                .ack = tcp.ack,
                                .flags = packet::kRst | packet::kAck,
                                .window = 0,
                                .maximum_segment_size = {},
                                .timestamps = {},
                                .payload = {}});
  if (frame == nullptr) return counters_->add(Counter::kDropNoBuffer);
  counters_->add(Counter::kFramesForged);
  transmitter_->send(frame, packet::opposite(arrival.side));
}

void Admission::repeat(const Now& now) {
  syn_answers_.repeat(now,
                      [&](uint64_t connection) { return connections_->likely_known(connection); });
}

}  // namespace postern::worker
