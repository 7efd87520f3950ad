#include "dataplane/worker/connection.h"

#include <algorithm>
#include <cstring>

#include "dataplane/packet/edit.h"

namespace postern::worker {

using packet::Frame;
using packet::SeqNum;
using packet::TcpPacket;
using tcp::Fate;
using tcp::Ruling;
using tcp::Taken;
using tcp::Word;

namespace {

// How many of the bytes behind the forwarded ones still belong to the message just refused: what
// was withheld of its end (CRLF.CRLF, or the last octet of a chunk).
uint16_t withheld_end(std::span<const uint8_t> rest) {
  constexpr std::string_view kEnd = "\r\n.\r\n";
  for (size_t n = std::min(kEnd.size(), rest.size()); n > 0; --n) {
    if (std::memcmp(rest.data(), kEnd.data() + kEnd.size() - n, n) == 0) {
      return static_cast<uint16_t>(n);
    }
  }
  return rest.empty() ? 0 : 1;
}

// The client's bytes go to the session.
class ToSession : public tcp::Consumer {
 public:
  explicit ToSession(Flow& flow) : flow_(flow) {}
  Taken take(std::span<uint8_t> bytes) override {
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
    flow_.refused_tail = withheld_end(bytes.subspan(taken));
    return {taken, Word::kCut};
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
    const auto taken = static_cast<uint32_t>(bytes.size());
    if (!observe_only_) {
      return {taken, flow_.session.server_bytes(bytes) ? Word::kPass : Word::kRelease};
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

 private:
  Flow& flow_;
  bool observe_only_;
};

constexpr uint64_t kSecond = 1'000'000;
// How long a refusal waits for the server's replies to earlier commands before it is given anyway.
constexpr uint64_t kRepliesTimeoutUs = 15 * kSecond;

}  // namespace

void Connection::forward(Frame* frame, packet::Side from) {
  s_.transmitter->send(frame, packet::opposite(from));
}

void Connection::discard(Frame* frame, Counter reason) {
  s_.counters->add(reason);
  s_.frames->release(frame);
}

void Connection::begin(const TcpPacket& tcp, bool from_server) {
  flow_.client = from_server ? tcp.destination : tcp.source;
  flow_.server = from_server ? tcp.source : tcp.destination;
  flow_.client_port = from_server ? tcp.destination_port : tcp.source_port;
  flow_.server_port = from_server ? tcp.source_port : tcp.destination_port;
  flow_.established = flow_.closing = false;
  flow_.refused_tail = 0;
  flow_.server_window = from_server ? tcp.window : 65535;
  flow_.to_client.length = flow_.to_server.length = 0;
  flow_.server_timestamps.reset();
  flow_.last_seen_us = now_.monotonic_us;
  flow_.answer = nullptr;
  s_.counters->add(Counter::kFlowsOpened);
}

void Connection::open(const Frame& frame, const TcpPacket& syn_ack, FlowState state) {
  begin(syn_ack, true);
  flow_.state = state;
  flow_.server_initial = syn_ack.seq;
  flow_.client_initial = {syn_ack.ack.value - 1};
  flow_.to_client = packet::LinkHeader::of(frame, syn_ack);
  note_timestamps(frame, syn_ack, true);
  flow_.client_stream.begin(syn_ack.ack, &s_.stream_limits, s_.storage);
  flow_.server_stream.begin(syn_ack.seq + 1, &s_.stream_limits, s_.storage);
  flow_.session.begin(s_.desk, &s_.session_limits);
}

bool Connection::open_blocked(const Frame& frame, const TcpPacket& syn,
                              CaseReference case_reference, SeqNum our_initial) {
  Answer* answer = s_.blocked_answers->take();
  if (answer == nullptr) return false;
  begin(syn, false);
  flow_.state = FlowState::kAnswering;
  flow_.server_initial = our_initial;
  flow_.client_initial = syn.seq;
  flow_.answer = answer;
  flow_.client_stream.begin(syn.seq + 1, &s_.stream_limits, s_.storage);
  flow_.server_stream.begin(our_initial, &s_.stream_limits, s_.storage);
  answer->has_server = answer->server_reset = answer->closing_said = false;
  tcp::Endpoint::Start start{.local = flow_.server,
                             .remote = flow_.client,
                             .local_port = flow_.server_port,
                             .remote_port = flow_.client_port,
                             .link = packet::LinkHeader::of(frame, syn).reversed(),
                             .send_next = our_initial,
                             .receive_next = syn.seq + 1,
                             .window = 65535,
                             .passive_open = true};
  if (const auto theirs = packet::parse_timestamps(frame, syn)) {
    start.timestamps = packet::Timestamps{our_initial.value, theirs->value};
    start.timestamps_seen_us = now_.monotonic_us;
  }
  answer->endpoint.begin(start);
  answer->responder.begin(smtp::Responder::Mode::kBlocked, s_.texts, case_reference, flow_.client);
  char text[smtp::kReplyLineBytes];
  const auto greeting = answer->responder.open(text);
  answer->endpoint.say({text, greeting.written});
  send_answer();
  return true;
}

void Connection::repeat_blocked_syn() { send_answer(); }

// Forged segments go on from the server's clock and echo the client's (RFC 7323 3).
void Connection::note_timestamps(const Frame& frame, const TcpPacket& tcp, bool from_server) {
  if (!from_server && !flow_.server_timestamps) return;
  const auto seen = packet::parse_timestamps(frame, tcp);
  if (!seen) return;
  if (!flow_.server_timestamps) flow_.server_timestamps = packet::Timestamps{};
  if (from_server) {
    flow_.server_timestamps->value = seen->value;
    flow_.server_timestamps_seen_us = now_.monotonic_us;
  } else {
    flow_.server_timestamps->echo = seen->value;
  }
}

void Connection::from_client(Frame* frame, TcpPacket& tcp) {
  flow_.last_seen_us = now_.monotonic_us;
  flow_.established = true;
  s_.desk->attend(&flow_, now_);
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
  }
}

void Connection::from_server(Frame* frame, TcpPacket& tcp) {
  flow_.last_seen_us = now_.monotonic_us;
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
  }
}

// Once a side says that it ends, the flow is soon forgotten: what comes after passes all the same.
void Connection::pass_unread(Frame* frame, const TcpPacket& tcp, packet::Side from) {
  if (tcp.has(packet::kFin) || tcp.has(packet::kRst)) flow_.closing = true;
  s_.counters->add(Counter::kFramesNotInspected);
  forward(frame, from);
}

bool Connection::reset_plausible(const tcp::Stream& stream, const TcpPacket& tcp) const {
  return tcp.seq >= stream.acknowledged() && stream.plausible(tcp.seq);
}

void Connection::inspected_from_client(Frame* frame, TcpPacket& tcp) {
  note_timestamps(*frame, tcp, false);
  if (flow_.to_server.length == 0) flow_.to_server = packet::LinkHeader::of(*frame, tcp);
  if (tcp.has(packet::kRst)) {
    // Whether the server believes it is the server's affair: we go on inspecting until it is quiet.
    if (!reset_plausible(flow_.client_stream, tcp)) {
      return discard(frame, Counter::kDropResetOutOfWindow);
    }
    packet::trim_to(*frame, tcp, 0);
    flow_.closing = true;
    return forward(frame, flow_.client_side);
  }
  if (tcp.has(packet::kAck)) flow_.server_stream.acknowledge(tcp.ack);
  if (tcp.has(packet::kUrg)) {
    s_.counters->add(Counter::kSegmentsUrgent);
    packet::clear_urgent(*frame, tcp);
  }
  ToSession consumer(flow_);
  const Ruling ruling =
      flow_.client_stream.accept(*frame, tcp, consumer, *s_.counters, s_.config->observe_only);
  if (ruling.fate == Fate::kForward) {
    forward(frame, flow_.client_side);
  } else {
    discard(frame, ruling.reason);
  }
  obey(ruling.word);
}

void Connection::inspected_from_server(Frame* frame, TcpPacket& tcp) {
  note_timestamps(*frame, tcp, true);
  flow_.server_window = tcp.window;
  const packet::Side side = packet::opposite(flow_.client_side);
  if (tcp.has(packet::kRst)) {
    if (!reset_plausible(flow_.server_stream, tcp)) {
      return discard(frame, Counter::kDropResetOutOfWindow);
    }
    if (flow_.state == FlowState::kRefusing) {
      // The client is owed a reply, and gets it now instead of the RST.
      discard(frame, Counter::kDropRefused);
      return try_answer(true);
    }
    packet::trim_to(*frame, tcp, 0);
    forward(frame, side);
    flow_.closing = true;
    return;
  }
  if (tcp.has(packet::kAck)) flow_.client_stream.acknowledge(tcp.ack);
  FromServer consumer(flow_, s_.config->observe_only);
  const Ruling ruling =
      flow_.server_stream.accept(*frame, tcp, consumer, *s_.counters, s_.config->observe_only);
  if (ruling.fate == Fate::kForward) {
    forward(frame, side);
  } else {
    discard(frame, ruling.reason);
  }
  if (ruling.word == Word::kRelease) return become_opaque();
  if (flow_.state == FlowState::kRefusing) return try_answer();
  // A reply may be what bytes kept from the client were waiting for.
  ToSession client(flow_);
  obey(flow_.client_stream.resume(client));
}

void Connection::obey(Word word) {
  if (word == Word::kRelease) become_opaque();
  if (word != Word::kCut) return;
  if (flow_.state == FlowState::kInspected) flow_.refused_at_us = now_.monotonic_us;
  flow_.state = FlowState::kRefusing;
  try_answer();
}

void Connection::become_opaque() {
  s_.counters->add(Counter::kConnectionsOpaque);
  flow_.state = FlowState::kOpaque;
  flow_.session.close();
  s_.desk->session_over(flow_, now_);
  flow_.client_stream.clear();
  flow_.server_stream.clear();
}

// Gives the refusal once it is due. `forced`: the server's replies will not come any more.
void Connection::try_answer(bool forced) {
  const bool due = flow_.session.replies_outstanding() == 0 && !flow_.server_stream.has_gap();
  if (!due && !forced) return;
  Answer* answer = s_.answers->take();
  if (answer == nullptr) return;  // the client's retransmission or the timer tries again
  flow_.answer = answer;
  flow_.state = FlowState::kAnswering;
  answer->has_server = true;
  answer->server_reset = answer->closing_said = false;
  answer->endpoint.begin({.local = flow_.server,
                          .remote = flow_.client,
                          .local_port = flow_.server_port,
                          .remote_port = flow_.client_port,
                          .link = flow_.to_client,
                          .send_next = flow_.server_stream.frontier(),
                          .receive_next = flow_.client_stream.frontier() + flow_.refused_tail,
                          .window = flow_.server_window,
                          .timestamps = flow_.server_timestamps,
                          .timestamps_seen_us = flow_.server_timestamps_seen_us});
  answer->responder.begin(smtp::Responder::Mode::kAfterRefusal, s_.texts, {}, flow_.client);
  if (due) {
    answer->endpoint.say(flow_.session.refusal());
  } else {
    // A 421 answers any command that is still open (RFC 5321 3.8).
    char text[smtp::kReplyLineBytes];
    answer->endpoint.say(s_.texts->render(smtp::Reply::kClosing, {}, flow_.client, text));
    answer->endpoint.finish();
  }
  flow_.session.close();
  send_answer();
  if (flow_.server_stream.acknowledged() == flow_.server_stream.frontier()) {
    reset_server();
  }
}

void Connection::send_answer() {
  Frame* frame = flow_.answer->endpoint.segment(*s_.frames, now_.monotonic_us);
  if (frame == nullptr) return s_.counters->add(Counter::kDropNoBuffer);
  s_.counters->add(Counter::kFramesForged);
  s_.transmitter->send(frame, flow_.client_side);
}

// RFC 5961 3: a RST counts only at exactly the next byte the receiver expects.
void Connection::send_reset_to_server(SeqNum seq) {
  Frame* frame = packet::forge(*s_.frames, flow_.to_server,
                               {.source = flow_.client,
                                .destination = flow_.server,
                                .source_port = flow_.client_port,
                                .destination_port = flow_.server_port,
                                .seq = seq,
                                .ack = flow_.server_stream.frontier(),
                                .flags = packet::kRst | packet::kAck});
  if (frame == nullptr) return s_.counters->add(Counter::kDropNoBuffer);
  s_.counters->add(Counter::kFramesForged);
  s_.transmitter->send(frame, packet::opposite(flow_.client_side));
}

// If the server has missed bytes on the way, it expects another one; then its challenge tells which
// (answered_from_server).
void Connection::reset_server() {
  send_reset_to_server(flow_.client_stream.frontier());
  if (flow_.answer != nullptr) flow_.answer->server_reset = true;
}

void Connection::answered_from_client(Frame* frame, TcpPacket& tcp) {
  Answer& answer = *flow_.answer;
  if (answer.has_server && !answer.server_reset) {
    flow_.server_stream.acknowledge(tcp.ack);
    if (flow_.server_stream.acknowledged() == flow_.server_stream.frontier()) {
      reset_server();
    }
  }
  if (tcp.has(packet::kRst)) {
    flow_.closing = true;
    if (answer.has_server && !answer.server_reset) reset_server();
    return discard(frame, Counter::kDropRefused);
  }
  const auto fresh = answer.endpoint.receive(*frame, tcp);
  if (!fresh.empty()) let_responder_read(fresh);
  if (answer.endpoint.client_finished()) answer.endpoint.finish();
  if (answer.endpoint.answer_due()) send_answer();
  if (answer.has_server && !answer.server_reset) {
    // The server must learn what the client has of its replies, and nothing else.
    packet::trim_to(*frame, tcp, 0);
    packet::clear_flags(*frame, tcp, packet::kFin | packet::kPsh);
    return forward(frame, flow_.client_side);
  }
  discard(frame, Counter::kDropRefused);
}

void Connection::let_responder_read(std::span<const uint8_t> bytes) {
  Answer& answer = *flow_.answer;
  while (!bytes.empty()) {
    char text[tcp::Endpoint::kTextBytes];
    const auto reply = answer.responder.client_bytes(bytes, text);
    // A client that reads nothing of what it asked for has had its answers.
    const bool said = answer.endpoint.say({text, reply.written});
    if (reply.close || !said) {
      answer.endpoint.finish();
      return;
    }
    if (reply.consumed == 0) return;
    bytes = bytes.subspan(reply.consumed);
  }
}

void Connection::answered_from_server(Frame* frame, TcpPacket& tcp) {
  Answer& answer = *flow_.answer;
  if (!answer.has_server) return discard(frame, Counter::kDropRefused);
  const SeqNum end = tcp.seq + tcp.sequence_length();
  if (!answer.server_reset && end <= flow_.server_stream.frontier() && !tcp.has(packet::kRst)) {
    // Repeats of what the client may have missed.
    FromServer consumer(flow_);
    flow_.server_stream.accept(*frame, tcp, consumer, *s_.counters);
    return forward(frame, packet::opposite(flow_.client_side));
  }
  if (!tcp.has(packet::kRst)) {
    answer.server_reset = true;
    send_reset_to_server(tcp.ack);
  }
  discard(frame, Counter::kDropRefused);
}

bool Connection::over() const {
  switch (flow_.state) {
    case FlowState::kInspected:
      return flow_.client_stream.finish_acknowledged() && flow_.server_stream.finish_acknowledged();
    default:
      return false;
  }
}

uint64_t Connection::deadline_us() const {
  const PipelineConfig& config = *s_.config;
  const uint64_t seen = flow_.last_seen_us;
  uint64_t idle = config.idle_timeout_s * kSecond;
  if (!flow_.established) idle = config.embryonic_timeout_s * kSecond;
  if (flow_.closing) idle = config.closing_timeout_s * kSecond;
  // The client may repeat itself meanwhile: that does not put it off.
  if (flow_.state == FlowState::kRefusing) return flow_.refused_at_us + kRepliesTimeoutUs;
  if (flow_.state != FlowState::kAnswering) return seen + idle;
  idle = (flow_.answer->endpoint.over() || flow_.closing || flow_.answer->closing_said
              ? config.closing_timeout_s
              : config.answer_timeout_s) *
         kSecond;
  const uint64_t repeat = flow_.answer->endpoint.timeout_us();
  return repeat != 0 ? std::min(repeat, seen + idle) : seen + idle;
}

bool Connection::expired() {
  s_.desk->attend(&flow_, now_);
  if (flow_.state == FlowState::kRefusing) {
    flow_.refused_at_us = flow_.last_seen_us = now_.monotonic_us;
    try_answer(true);
    return true;
  }
  if (flow_.state == FlowState::kInspected && flow_.established) {
    // Forgotten, it would go on unread: the server is to forget it too.
    reset_server();
  }
  if (flow_.state != FlowState::kAnswering) return false;
  Answer& answer = *flow_.answer;
  if (answer.endpoint.timeout_us() != 0 && answer.endpoint.timeout_us() <= now_.monotonic_us) {
    answer.endpoint.timed_out(now_.monotonic_us);
    if (answer.endpoint.answer_due()) send_answer();
    return true;
  }
  if (answer.closing_said || answer.endpoint.over() || flow_.closing || answer.endpoint.opening()) {
    return false;
  }
  // Silent since our last word: say that we close, and wait a little for its answer.
  answer.closing_said = true;
  char text[smtp::kReplyLineBytes];
  answer.endpoint.say(s_.texts->render(smtp::Reply::kClosing, {}, flow_.client, text));
  answer.endpoint.finish();
  flow_.last_seen_us = now_.monotonic_us;
  send_answer();
  return true;
}

void Connection::close() {
  s_.desk->attend(&flow_, now_);
  if (flow_.answer != nullptr) {
    // The last chance to make up for a RST that was lost: the server must not wait for the end of
    // the message that was refused, for what comes now passes unread.
    if (flow_.answer->has_server) reset_server();
    (flow_.answer->has_server ? s_.answers : s_.blocked_answers)->give(flow_.answer);
    flow_.answer = nullptr;
  }
  if (flow_.state == FlowState::kInspected || flow_.state == FlowState::kRefusing) {
    flow_.session.close();
    s_.desk->session_over(flow_, now_);
  }
  flow_.client_stream.clear();
  flow_.server_stream.clear();
}

}  // namespace postern::worker
