#include "bench/conversation.h"

#include <fmt/format.h>

#include <utility>

namespace postern::bench {

using packet::Frame;
using packet::kAck;
using packet::kFin;
using packet::kPsh;
using packet::kRst;
using packet::kSyn;
using packet::Side;
using packet::testing::Packet;

namespace {

constexpr size_t kMaximumSegmentSize = 1448;  // 1,460 less the timestamps option
constexpr packet::Timestamps kTimestamps{1000, 2000};

constexpr const char* kEhloReply =
    "250-mx.internet.example\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-ETRN\r\n"
    "250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n250-SMTPUTF8\r\n250 CHUNKING\r\n";
const std::string kTransaction =
    fmt::format("MAIL FROM:<{}> SIZE=10000\r\nRCPT TO:<{}> ORCPT=rfc822;{}\r\nDATA\r\n", kMailFrom,
                kRcptTo, kRcptTo);

}  // namespace

CounterValues values_of(const Counters& counters) {
  CounterValues values;
  for (size_t i = 0; i < kCounters; ++i) values[i] = counters.get(static_cast<Counter>(i));
  return values;
}

std::expected<std::unique_ptr<Recorder>, std::string> Recorder::create(
    std::shared_ptr<const scan::SignatureSet> set, scan::MessageScan::Scratch* scratch) {
  std::unique_ptr<Recorder> recorder(new Recorder);
  worker::PipelineConfig config;
  config.flows = config.messages_in_flight = config.transactions = config.answers = 4;
  auto pipeline =
      worker::Pipeline::create(config, &recorder->frames_, &recorder->verdicts_, &recorder->events_,
                               recorder.get(), &recorder->counters_);
  if (!pipeline) return std::unexpected(pipeline.error());
  recorder->pipeline_ = std::move(*pipeline);
  recorder->pipeline_->use_signature_set(std::move(set), 1, scratch);
  return recorder;
}

Recorder::~Recorder() {
  if (pipeline_) pipeline_->clear(now_);
}

void Recorder::send(Frame* frame, Side out) {
  ++conversation_.frames_sent;
  const packet::TcpPacket tcp = packet::parse(*frame);
  End& end = out == Side::kInside ? client_ : server_;
  const auto payload = tcp.payload(*frame);
  end.heard.append(payload.begin(), payload.end());
  if (tcp.has(kRst)) end.was_reset = true;
  end.peer_next = tcp.seq.value + tcp.sequence_length();
  frames_.release(frame);
}

void Recorder::say(End& end, std::string payload, uint8_t flags) {
  Packet packet{.from = end.name,
                .to = end.peer_name,
                .seq = end.next,
                .ack = (flags & kAck) ? end.peer_next : 0,
                .flags = flags,
                .payload = std::move(payload),
                .timestamps = kTimestamps};
  if (flags & kSyn) {
    packet.maximum_segment_size = 1460;
    packet.window_scale = 7;
  }
  end.next +=
      static_cast<uint32_t>(packet.payload.size()) + ((flags & kSyn) != 0) + ((flags & kFin) != 0);
  conversation_.frames.push_back({end.side, packet.bytes()});
  pipeline_->process(frames_.copy_of(conversation_.frames.back().bytes), end.side, now_);
}

bool Recorder::was_told(End& end, std::string_view reply) {
  return std::exchange(end.heard, {}).starts_with(reply);
}

// The message in full segments; the server acknowledges every second one.
void Recorder::send_message(std::string_view data) {
  bool owed = false;
  for (size_t at = 0; at < data.size(); at += kMaximumSegmentSize) {
    const bool last = at + kMaximumSegmentSize >= data.size();
    say(client_, std::string(data.substr(at, kMaximumSegmentSize)), last ? kAck | kPsh : kAck);
    if (owed && !last) say(server_, "", kAck);
    owed = !owed;
  }
}

// A refused connection is remembered for a while after its end.
void Recorder::let_it_be_forgotten() {
  for (int i = 0; i < 2000 && pipeline_->flows() > 0; ++i) {
    now_.monotonic_us += 50'000;
    now_.wall_us += 50'000;
    pipeline_->expire(now_);
  }
}

// From the handshake to the server's reply to EHLO.
void Recorder::open() {
  conversation_ = {};
  client_ = {Side::kInside, kClient, kServer, 1000};
  server_ = {Side::kOutside, kServer, kClient, 500'000'000};
  say(client_, "", kSyn);
  say(server_, "", kSyn | kAck);
  say(client_, "", kAck);
  say(server_, "220 mx.internet.example ESMTP\r\n", kAck | kPsh);
  say(client_, fmt::format("EHLO {}\r\n", kHelo), kAck | kPsh);
  say(server_, kEhloReply, kAck | kPsh);
  conversation_.opening_frames = conversation_.frames.size();
}

std::expected<void, std::string> Recorder::begin_message(const Message& message) {
  say(client_, kTransaction, kAck | kPsh);
  client_.heard.clear();
  say(server_, "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 End data with <CR><LF>.<CR><LF>\r\n",
      kAck | kPsh);
  if (!was_told(client_, "250 ")) return std::unexpected(message.name + ": no reply to MAIL");
  return {};
}

// From MAIL to the reply to the message's end, or until the server was reset.
std::expected<void, std::string> Recorder::deliver(const Message& message) {
  if (auto begun = begin_message(message); !begun) return begun;
  const std::string data = as_data(message.octets);
  server_.heard.clear();
  send_message(data);
  ++conversation_.messages;
  if (server_.was_reset) return {};
  if (server_.heard != data) {
    return std::unexpected(message.name + ": neither refused nor delivered byte for byte");
  }
  say(server_, "250 2.0.0 Ok: queued as 4XJ0Qv1Xbz1z\r\n", kAck | kPsh);
  if (!was_told(client_, "250 ")) return std::unexpected(message.name + ": no reply to its end");
  return {};
}

std::expected<void, std::string> Recorder::close(const Message& last) {
  if (!server_.was_reset) {
    say(client_, "QUIT\r\n", kAck | kPsh);
    say(server_, "221 2.0.0 Bye\r\n", kAck | kPsh);
    say(server_, "", kAck | kFin);
    say(client_, "", kAck | kFin);
    say(server_, "", kAck);
  } else {
    conversation_.refused = true;
    if (!was_told(client_, "554 ")) return std::unexpected(last.name + ": reset, but no 554");
    say(client_, "QUIT\r\n", kAck | kPsh);
    if (!was_told(client_, "221 ")) return std::unexpected(last.name + ": no reply to QUIT");
    say(client_, "", kAck | kFin);
  }
  let_it_be_forgotten();
  if (pipeline_->flows() != 0 || frames_.in_use() != 0) {
    return std::unexpected(last.name + ": the gate still remembers the connection");
  }
  return {};
}

std::expected<Conversation, std::string> Recorder::record(std::span<const Message> messages) {
  const CounterValues before = values_of(counters_);
  open();
  const Message* last = nullptr;
  for (const Message& message : messages) {
    last = &message;
    if (auto delivered = deliver(message); !delivered) return std::unexpected(delivered.error());
    if (server_.was_reset) break;
  }
  if (last == nullptr) return std::unexpected("a connection without a message");
  if (auto closed = close(*last); !closed) return std::unexpected(closed.error());
  const CounterValues after = values_of(counters_);
  for (size_t i = 0; i < kCounters; ++i) conversation_.counters[i] = after[i] - before[i];
  return std::move(conversation_);
}

std::expected<Conversation, std::string> Recorder::record_unfinished(const Message* message,
                                                                     size_t octets) {
  open();
  if (message != nullptr) {
    if (auto begun = begin_message(*message); !begun) return std::unexpected(begun.error());
    const std::string data = as_data(message->octets);
    if (data.size() <= octets) return std::unexpected(message->name + " ends before it may");
    send_message(std::string_view(data).substr(0, octets));
  }
  say(client_, "", kAck);
  say(server_, "", kAck);
  const size_t held = frames_.in_use();
  pipeline_->clear(now_);
  if (server_.was_reset || held != 0) {
    return std::unexpected("a connection that stands still holds frames, or was refused");
  }
  return std::move(conversation_);
}

}  // namespace postern::bench
