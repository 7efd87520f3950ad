#include "dataplane/worker/connection.h"

#include <algorithm>
#include <cstring>

#include "dataplane/packet/edit.h"
#include "dataplane/stage.h"
#include "dataplane/worker/hosts.h"

namespace postern::worker {

using packet::Frame;
using packet::SeqNum;
using packet::TcpPacket;
using tcp::Fate;
using tcp::Ruling;
using tcp::Taken;
using tcp::Word;

namespace {

// The client's bytes go to the session.
class ToSession : public tcp::Consumer {
 public:
  explicit ToSession(Flow& flow) : flow_(flow) {}
  Taken take(std::span<uint8_t> bytes) override {
    StageScope stage(Stage::kSmtp);
    const smtp::ClientStep step = flow_.session.client_bytes(bytes);
    const auto taken = static_cast<uint32_t>(step.consumed);
    switch (step.step) {
      case smtp::Step::kContinue:
        return {taken, Word::kPass};
      case smtp::Step::kWait:
        return {taken, Word::kWait};
      case smtp::Step::kOpaque:
        return {taken, Word::kRelease};
      case smtp::Step::kRefuse:
        break;
    }
    const size_t tail = flow_.session.refused_octets(bytes.subspan(taken));
    flow_.refused_tail = static_cast<uint16_t>(std::min<size_t>(tail, UINT16_MAX));
    return {taken, Word::kCut};
  }
  bool takes_without_reply(uint32_t bytes) const override {
    return flow_.session.takes_without_reply(bytes);
  }

 private:
  Flow& flow_;
};

// The server's bytes go to the session, which takes them all. Where nothing was held back
// (`observe_only`), several replies in one segment may answer what the client said without waiting:
// then what is kept of the client's bytes is offered after each line.
class FromServer : public tcp::Consumer {
 public:
  explicit FromServer(Flow& flow, bool observe_only = false)
      : flow_(flow), observe_only_(observe_only) {}
  Taken take(std::span<uint8_t> bytes) override {
    StageScope stage(Stage::kSmtp);
    const auto taken = static_cast<uint32_t>(bytes.size());
    if (!observe_only_) {
      const bool text = flow_.session.server_bytes(bytes);
      return {taken, text ? Word::kPass : Word::kRelease, flow_.session.rewrote()};
    }
    while (!bytes.empty()) {
      const auto end = std::ranges::find(bytes, '\n');
      const auto line =
          bytes.first(static_cast<size_t>(end - bytes.begin()) + (end != bytes.end()));
      bytes = bytes.subspan(line.size());
      if (!flow_.session.server_bytes(line)) return {taken, Word::kRelease};
      ToSession client(flow_);
      if (flow_.client_stream.resume(client) == Word::kRelease) return {taken, Word::kRelease};
    }
    return {taken, Word::kPass};
  }
  // What may have to be changed cannot go ahead of what comes before it.
  bool takes_without_reply(uint32_t) const override { return !flow_.session.may_rewrite(); }

 private:
  Flow& flow_;
  bool observe_only_;
};

}  // namespace

void Connection::forward(Frame* frame, packet::Side from) {
  StageScope stage(Stage::kTransmit);
  s_.transmitter->send(frame, packet::opposite(from));
}

void Connection::discard(Frame* frame, Counter reason) {
  s_.counters->add(reason);
  s_.frames->release(frame);
}

void Connection::begin(const Frame& frame, const TcpPacket& segment, const Opening& opening,
                       FlowState state) {
  flow_.state = state;
  flow_.client_side = opening.client_side;
  flow_.client_initial = opening.client_initial;
  flow_.server_initial = opening.server_initial;
  flow_.client = segment.source;
  flow_.server = segment.destination;
  flow_.client_port = segment.source_port;
  flow_.server_port = segment.destination_port;
  flow_.closing = flow_.reset_by_server = flow_.server_gone = flow_.renewal = false;
  flow_.refused_tail = 0;
  flow_.server_window = UINT16_MAX;
  // The way back, until the server shows its own.
  flow_.to_server = packet::LinkHeader::of(frame, segment);
  flow_.to_client = flow_.to_server.reversed();
  flow_.server_confirmed = false;
  flow_.client_clock = flow_.server_clock = {};
  flow_.last_seen_us = flow_.opened_us = now_.monotonic_us;
  flow_.client_traffic.begin(opening.client_initial + 1);
  flow_.server_traffic.begin(opening.server_initial + 1);
  flow_.reported = false;
  flow_.answer = nullptr;
  flow_.client_stream.begin(opening.client_initial + 1, &s_.stream_limits, s_.storage,
                            &flow_.host->held_bytes);
  flow_.server_stream.begin(opening.server_initial + 1, &s_.stream_limits, s_.storage,
                            &flow_.host->held_bytes);
  flow_.session.begin(s_.desk, &s_.session_limits);
  s_.counters->add(Counter::kFlowsOpened);
}

void Connection::open(const Frame& frame, const TcpPacket& segment, const Opening& opening,
                      FlowState state) {
  begin(frame, segment, opening, state);
  flow_.session.mask_starttls(state == FlowState::kInspected &&
                              s_.desk->masks_starttls(flow_, now_));
}

void Connection::from_client(Frame* frame, TcpPacket& tcp) {
  flow_.last_seen_us = now_.monotonic_us;
  note_traffic(flow_.client_traffic, flow_.client_stream, tcp);
  s_.desk->attend(&flow_, now_);
  if (!unread(flow_.state) && tcp.has(packet::kUrg)) {
    s_.counters->add(Counter::kSegmentsUrgent);
    packet::clear_urgent(*frame, tcp);
  }
  switch (flow_.state) {
    case FlowState::kUninspected:
    case FlowState::kOpaque:
      return pass_unread(frame, tcp, flow_.client_side);
    case FlowState::kInspected:
    case FlowState::kRefusing:
      inspected_from_client(frame, tcp);
      return;
    case FlowState::kAnswering:
      answered_from_client(frame, tcp);
      return;
    case FlowState::kEnding:
      ended_from_client(frame, tcp);
      return;
  }
}

void Connection::from_server(Frame* frame, TcpPacket& tcp) {
  flow_.last_seen_us = now_.monotonic_us;
  note_traffic(flow_.server_traffic, flow_.server_stream, tcp);
  s_.desk->attend(&flow_, now_);
  switch (flow_.state) {
    case FlowState::kUninspected:
    case FlowState::kOpaque:
      return pass_unread(frame, tcp, packet::opposite(flow_.client_side));
    case FlowState::kInspected:
    case FlowState::kRefusing:
      inspected_from_server(frame, tcp);
      return;
    case FlowState::kAnswering:
      answered_from_server(frame, tcp);
      return;
    case FlowState::kEnding:
      ended_from_server(frame, tcp);
      return;
  }
}

// Of what is read, the octets taken so far; of what is not, those that go by.
void Connection::note_traffic(Traffic& traffic, const tcp::Stream& stream, const TcpPacket& tcp) {
  if (!unread(flow_.state)) return traffic.note(stream.frontier());
  if (tcp.payload_length > 0) traffic.note(tcp.seq + tcp.payload_length);
}

// Once a side says that it ends, the flow is soon forgotten: what comes after passes all the same.
void Connection::pass_unread(Frame* frame, const TcpPacket& tcp, packet::Side from) {
  if (tcp.has(packet::kFin) || tcp.has(packet::kRst)) flow_.closing = true;
  s_.counters->add(Counter::kFramesNotInspected);
  forward(frame, from);
}

// RFC 7323 5: what its receiver discards as older than what it has must not become a first copy
// here.
bool Connection::old_duplicate(const Frame& frame, const TcpPacket& tcp, tcp::TimestampClock& clock,
                               const tcp::Stream& stream) {
  const auto seen = packet::parse_timestamps(frame, tcp);
  if (!seen || tcp.has(packet::kRst)) return false;
  if (clock.old_duplicate(seen->value)) return true;
  clock.note(seen->value, tcp.seq, tcp.seq + tcp.sequence_length(), stream.acknowledged());
  return false;
}

// A RST, forwarded or dropped. RFC 5961 3.2: outside the window its receiver ignores it, inside it
// is challenged; only where the receiver stands does it end the connection. Which of the bytes
// under way have arrived we cannot know, so any place from the last acknowledged byte on may be
// that. True: it may have ended the connection.
bool Connection::reset_counts(Frame* frame, TcpPacket& tcp, const tcp::Stream& stream) {
  const packet::Side from =
      &stream == &flow_.client_stream ? flow_.client_side : packet::opposite(flow_.client_side);
  if (tcp.seq < stream.acknowledged() || !stream.plausible(tcp.seq)) {
    discard(frame, Counter::kDropResetOutOfWindow);
    return false;
  }
  packet::trim_to(*frame, tcp, 0);
  forward(frame, from);
  if (tcp.seq <= stream.frontier()) return true;
  s_.counters->add(Counter::kResetsInWindow);
  return false;
}

// The numbers of a connection come from a SYN-ACK, which need not be the server's: an accomplice
// can send one in its name, and with other numbers what the server reads would look like bytes
// behind a gap. So nothing that the client says passes before the server has spoken in these
// numbers. In SMTP it speaks first (RFC 5321 3.1); who talks early talks again.
void Connection::inspected_from_client(Frame* frame, TcpPacket& tcp) {
  if (tcp.has(packet::kRst)) {
    // Whether the server believes it is the server's affair: we go on inspecting until it is quiet.
    if (reset_counts(frame, tcp, flow_.client_stream)) flow_.closing = true;
    return;
  }
  // The server would discard these (RFC 9293 3.10.7.4, first and fifth).
  if (!flow_.client_stream.plausible(tcp.seq)) return discard(frame, Counter::kDropOutOfWindow);
  const bool acceptable = tcp.has(packet::kAck) && tcp.ack <= flow_.server_stream.frontier();
  if (!acceptable && !s_.config->observe_only) return discard(frame, Counter::kDropBadAck);
  if (old_duplicate(*frame, tcp, flow_.client_clock, flow_.client_stream)) {
    return discard(frame, Counter::kDropOldDuplicate);
  }
  // Who goes on talking after a RST of its own is not gone; the other may not have heard of it yet.
  if (!flow_.reset_by_server) flow_.closing = false;
  if (tcp.has(packet::kAck)) flow_.server_stream.acknowledge(tcp.ack);
  if (!flow_.server_confirmed && tcp.payload_length > 0 && !s_.config->observe_only) {
    flow_.session.note_early_talker();
    return discard(frame, Counter::kDropUnconfirmed);
  }
  ToSession consumer(flow_);
  const Ruling ruling =
      flow_.client_stream.accept(*frame, tcp, consumer, *s_.counters, s_.config->observe_only);
  if (ruling.fate == Fate::kForward) {
    forward(frame, flow_.client_side);
  } else {
    const Counter lack = ruling.reason == Counter::kDropWait ? s_.desk->shortage() : ruling.reason;
    if (let_through_for_want_of(lack)) return forward(frame, flow_.client_side);
    discard(frame, lack);
  }
  obey(ruling.word);
}

void Connection::inspected_from_server(Frame* frame, TcpPacket& tcp) {
  const packet::Side side = packet::opposite(flow_.client_side);
  if (tcp.has(packet::kRst)) {
    if (flow_.state == FlowState::kRefusing) {
      // The client is owed a reply, and gets it now instead of the RST.
      const bool counts = tcp.seq >= flow_.server_stream.acknowledged() &&
                          tcp.seq <= flow_.server_stream.frontier();
      discard(frame, counts ? Counter::kDropRefused : Counter::kDropResetOutOfWindow);
      if (counts) try_answer(true);
      return;
    }
    if (reset_counts(frame, tcp, flow_.server_stream)) flow_.closing = flow_.reset_by_server = true;
    return;
  }
  // Anybody may send these: the client would discard them (RFC 9293 3.10.7.4, RFC 5961 5), so
  // nothing of them may be believed here.
  if (!flow_.server_stream.plausible(tcp.seq)) return discard(frame, Counter::kDropOutOfWindow);
  const bool acceptable = tcp.has(packet::kAck) && tcp.ack <= flow_.client_stream.frontier();
  if (!acceptable && !s_.config->observe_only) return discard(frame, Counter::kDropBadAck);
  flow_.server_window = tcp.window;
  if (old_duplicate(*frame, tcp, flow_.server_clock, flow_.server_stream)) {
    return discard(frame, Counter::kDropOldDuplicate);
  }
  if (flow_.reset_by_server) flow_.closing = flow_.reset_by_server = false;
  flow_.server_clock_seen_us = now_.monotonic_us;
  if (!flow_.server_confirmed && tcp.seq == flow_.server_initial + 1 &&
      tcp.ack == flow_.client_initial + 1) {
    flow_.server_confirmed = true;
    flow_.to_client = packet::LinkHeader::of(*frame, tcp);
  }
  if (tcp.has(packet::kAck)) flow_.client_stream.acknowledge(tcp.ack);
  FromServer consumer(flow_, s_.config->observe_only);
  const Ruling ruling =
      flow_.server_stream.accept(*frame, tcp, consumer, *s_.counters, s_.config->observe_only);
  if (ruling.fate == Fate::kForward) {
    forward(frame, side);
  } else {
    if (let_through_for_want_of(ruling.reason)) return forward(frame, side);
    discard(frame, ruling.reason);
  }
  if (ruling.word == Word::kRelease) {
    return become_unread(FlowState::kOpaque, Counter::kConnectionsOpaque);
  }
  if (flow_.state == FlowState::kRefusing) return try_answer();
  // A reply may be what bytes kept from the client were waiting for.
  ToSession client(flow_);
  obey(flow_.client_stream.resume(client));
}

// fail.memory = "open": a connection that the worker has no memory for goes on unread. What a flow
// or a host has used up of its own is no reason.
bool Connection::let_through_for_want_of(Counter lack) {
  const bool ours = lack == Counter::kDropHeldCap || lack == Counter::kDropMessageCap ||
                    lack == Counter::kDropTransactionCap;
  if (!ours || s_.config->on_memory_cap == FailMode::kClosed ||
      flow_.state != FlowState::kInspected) {
    return false;
  }
  become_unread(FlowState::kUninspected, Counter::kConnectionsLetThrough);
  return true;
}

void Connection::obey(Word word) {
  if (word == Word::kRelease) become_unread(FlowState::kOpaque, Counter::kConnectionsOpaque);
  if (word != Word::kCut) return;
  if (flow_.state == FlowState::kInspected) flow_.state_since_us = now_.monotonic_us;
  flow_.state = FlowState::kRefusing;
  try_answer();
}

void Connection::become_unread(FlowState state, Counter counted_as) {
  s_.counters->add(counted_as);
  flow_.state = state;
  flow_.session.close();
  if (state == FlowState::kUninspected) s_.desk->session_over(flow_, now_);
  flow_.client_stream.clear();
  flow_.server_stream.clear();
}

}  // namespace postern::worker
