// A connection from the refusal of a message, or of its sender, to its end.
#include <algorithm>

#include "dataplane/packet/edit.h"
#include "dataplane/worker/connection.h"
#include "dataplane/worker/hosts.h"

namespace postern::worker {

using packet::Frame;
using packet::SeqNum;
using packet::TcpPacket;

namespace {

constexpr uint64_t kSecond = 1'000'000;
// How long a refusal waits for the server's replies to earlier commands before it is given anyway.
constexpr uint64_t kRepliesTimeoutUs = 15 * kSecond;
// How often a server that does not answer is told that its connection has ended, a second apart.
constexpr uint8_t kResets = 4;

// The server's repeats of what the client may have missed have been read before.
class NothingNew : public tcp::Consumer {
 public:
  tcp::Taken take(std::span<uint8_t> bytes) override {
    return {static_cast<uint32_t>(bytes.size()), tcp::Word::kPass};
  }
};

}  // namespace

Counter Connection::open_blocked(const Frame& frame, const TcpPacket& segment,
                                 const Opening& opening, CaseReference case_reference,
                                 uint32_t timestamp) {
  begin(frame, segment, opening, FlowState::kAnswering);
  const Counter lack = shortage_of(*s_.blocked_answers);
  if (lack != Counter::kCount) return lack;
  Answer* answer = s_.blocked_answers->take();
  ++flow_.host->answers;
  flow_.answer = answer;
  answer->has_server = answer->server_reset = answer->closing_said = false;
  tcp::Endpoint::Start start{.local = flow_.server,
                             .remote = flow_.client,
                             .local_port = flow_.server_port,
                             .remote_port = flow_.client_port,
                             .link = flow_.to_client,
                             .send_next = opening.server_initial + 1,
                             .receive_next = opening.client_initial + 1,
                             .window = UINT16_MAX,
                             .timestamps = {}};
  if (const auto theirs = packet::parse_timestamps(frame, segment)) {
    start.timestamps = packet::Timestamps{timestamp, theirs->value};
    start.timestamps_seen_us = now_.monotonic_us;
  }
  answer->endpoint.begin(start);
  answer->responder.begin(smtp::Responder::Mode::kBlocked, s_.texts, case_reference, flow_.client);
  char text[smtp::kReplyLineBytes];
  const auto greeting = answer->responder.open(text);
  answer->endpoint.say({text, greeting.written});
  return Counter::kCount;
}

Counter Connection::shortage_of(const FixedPool<Answer>& answers) const {
  if (within_fair_share(flow_.host->answers, answers.available())) return Counter::kCount;
  return answers.available() == 0 ? Counter::kDropAnswerCap : Counter::kDropHostShare;
}

// Forged segments go on from the server's clock and echo the client's (RFC 7323 3).
std::optional<packet::Timestamps> Connection::timestamps_to_client() const {
  if (!flow_.server_clock.running()) return std::nullopt;
  return packet::Timestamps{flow_.server_clock.latest(), flow_.client_clock.latest()};
}

// Gives the refusal once it is due. `forced`: the server's replies will not come any more.
void Connection::try_answer(bool forced) {
  const bool due = flow_.session.replies_outstanding() == 0 && !flow_.server_stream.has_gap();
  if (!due && !forced) return;
  // For want of memory the client's retransmission or the timer tries again.
  const Counter lack = shortage_of(*s_.answers);
  if (lack != Counter::kCount) return s_.counters->add(Counter::kAnswersPutOff);
  Answer* answer = s_.answers->take();
  ++flow_.host->answers;
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
                          .timestamps = timestamps_to_client(),
                          .timestamps_seen_us = flow_.server_clock_seen_us});
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

// In the client's name, with the connection's timestamps when it has any; but for a RST, which is
// told apart from an old one by its place alone, whereas Linux in FIN-WAIT-2 and TIME-WAIT discards
// one whose timestamp is not the newest (RFC 7323 5.2 lets it go without).
void Connection::send_to_server(SeqNum seq, uint8_t flags) {
  std::optional<packet::Timestamps> timestamps;
  if ((flags & packet::kRst) == 0 && flow_.client_clock.running() && flow_.server_clock.running()) {
    timestamps = packet::Timestamps{flow_.client_clock.latest(), flow_.server_clock.latest()};
  }
  Frame* frame = packet::forge(*s_.frames, flow_.to_server,
                               {.source = flow_.client,
                                .destination = flow_.server,
                                .source_port = flow_.client_port,
                                .destination_port = flow_.server_port,
                                .seq = seq,
                                .ack = flow_.server_stream.frontier(),
                                .flags = flags,
                                .window = 0,
                                .maximum_segment_size = {},
                                .timestamps = timestamps,
                                .payload = {}});
  if (frame == nullptr) return s_.counters->add(Counter::kDropNoBuffer);
  s_.counters->add(Counter::kFramesForged);
  s_.transmitter->send(frame, packet::opposite(flow_.client_side));
}

// RFC 5961 3.2: a RST counts only at exactly the next byte that the server expects. If it has
// missed bytes on the way that is another one; then its challenge tells which
// (answered_from_server, ended_from_server).
void Connection::reset_server() {
  send_to_server(flow_.client_stream.frontier(), packet::kRst | packet::kAck);
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
    NothingNew consumer;
    flow_.server_stream.accept(*frame, tcp, consumer, *s_.counters);
    return forward(frame, packet::opposite(flow_.client_side));
  }
  if (!tcp.has(packet::kRst)) {
    answer.server_reset = true;
    send_to_server(tcp.ack, packet::kRst | packet::kAck);
  }
  discard(frame, Counter::kDropRefused);
}

void Connection::give_back_answer() {
  if (flow_.answer == nullptr) return;
  (flow_.answer->has_server ? s_.answers : s_.blocked_answers)->give(flow_.answer);
  --flow_.host->answers;
  flow_.answer = nullptr;
}

// For us the connection is over; the server hears it until it is known to have ended as well.
void Connection::begin_ending() {
  if (flow_.state == FlowState::kInspected) {
    flow_.session.close();
    s_.desk->session_over(flow_, now_);
  }
  give_back_answer();
  flow_.client_stream.clear();
  flow_.server_stream.clear();
  flow_.state = FlowState::kEnding;
  flow_.resets_left = kResets;
  tell_server_again();
}

// A RST, and behind it a keep-alive (RFC 9293 3.8.4): who has ended answers that with a RST, who
// has not with an ACK that says where a RST must stand.
void Connection::tell_server_again() {
  --flow_.resets_left;
  flow_.state_since_us = now_.monotonic_us;
  reset_server();
  send_to_server({flow_.client_stream.acknowledged().value - 1}, packet::kAck);
}

// Nothing that the client says from now on is read, so nothing of it passes.
void Connection::ended_from_client(Frame* frame, TcpPacket& tcp) {
  if (tcp.payload_length == 0) return forward(frame, flow_.client_side);
  discard(frame, Counter::kDropEnded);
}

void Connection::ended_from_server(Frame* frame, const TcpPacket& tcp) {
  if (tcp.has(packet::kRst)) {
    flow_.server_gone = true;
  } else if (tcp.has(packet::kAck)) {
    send_to_server(tcp.ack, packet::kRst | packet::kAck);
  }
  discard(frame, Counter::kDropEnded);
}

bool Connection::over() const {
  switch (flow_.state) {
    case FlowState::kInspected:
      return flow_.client_stream.finish_acknowledged() && flow_.server_stream.finish_acknowledged();
    case FlowState::kEnding:
      return flow_.server_gone;
    default:
      return false;
  }
}

uint64_t Connection::deadline_us() const {
  const PipelineConfig& config = *s_.config;
  const uint64_t seen = flow_.last_seen_us;
  const uint64_t idle =
      (flow_.closing ? config.closing_timeout_s : config.idle_timeout_s) * kSecond;
  switch (flow_.state) {
    case FlowState::kRefusing:
      // The client may repeat itself meanwhile: that does not put it off.
      return flow_.state_since_us + kRepliesTimeoutUs;
    case FlowState::kEnding:
      return flow_.state_since_us + kSecond;
    case FlowState::kAnswering: {
      const bool parting =
          flow_.answer->endpoint.over() || flow_.closing || flow_.answer->closing_said;
      const uint64_t end =
          seen + (parting ? config.closing_timeout_s : config.answer_timeout_s) * kSecond;
      const uint64_t repeat = flow_.answer->endpoint.timeout_us();
      return repeat != 0 ? std::min(repeat, end) : end;
    }
    default:
      return seen + idle;
  }
}

bool Connection::expired() {
  s_.desk->attend(&flow_, now_);
  switch (flow_.state) {
    case FlowState::kRefusing:
      flow_.state_since_us = flow_.last_seen_us = now_.monotonic_us;
      try_answer(true);
      return true;
    case FlowState::kInspected:
      // Forgotten, it would go on unread.
      if (s_.config->observe_only) return false;
      begin_ending();
      return true;
    case FlowState::kEnding:
      if (flow_.resets_left == 0) return false;
      tell_server_again();
      return true;
    case FlowState::kAnswering:
      return answer_expired();
    default:
      return false;
  }
}

bool Connection::answer_expired() {
  Answer& answer = *flow_.answer;
  if (answer.endpoint.timeout_us() != 0 && answer.endpoint.timeout_us() <= now_.monotonic_us) {
    answer.endpoint.timed_out(now_.monotonic_us);
    if (answer.endpoint.answer_due()) send_answer();
    return true;
  }
  if (answer.closing_said || answer.endpoint.over() || flow_.closing) {
    if (!answer.has_server) return false;
    begin_ending();
    return true;
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

int Connection::worth() const {
  switch (flow_.state) {
    case FlowState::kEnding:
      return 0;
    case FlowState::kAnswering:
      return flow_.answer->endpoint.over() ? 0 : 2;
    case FlowState::kRefusing:
      return 2;
    case FlowState::kUninspected:
    case FlowState::kOpaque:
      return flow_.closing ? 0 : 1;
    case FlowState::kInspected:
      break;
  }
  if (flow_.closing) return 0;
  return flow_.session.message_under_way() ? 2 : 1;
}

void Connection::tell_server_of_eviction() {
  if (flow_.state == FlowState::kInspected && !s_.config->observe_only) reset_server();
}

void Connection::close() {
  s_.desk->attend(&flow_, now_);
  // The last chance to tell the server: what the client says from now on is unknown to us.
  if (flow_.answer != nullptr && flow_.answer->has_server) reset_server();
  if (flow_.state == FlowState::kInspected || flow_.state == FlowState::kRefusing) {
    flow_.session.close();
    s_.desk->session_over(flow_, now_);
  } else if (flow_.state == FlowState::kOpaque) {
    s_.desk->session_over(flow_, now_);
  }
  s_.desk->connection_over(flow_, now_);
  give_back_answer();
  flow_.client_stream.clear();
  flow_.server_stream.clear();
}

}  // namespace postern::worker
