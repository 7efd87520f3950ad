#include "dataplane/worker/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <bitset>
#include <random>

#include "base/timer_wheel.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/edit.h"
#include "dataplane/worker/connection.h"
#include "dataplane/worker/flow_table.h"
#include "dataplane/worker/message_desk.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace postern::worker {

using packet::Frame;
using packet::Kind;
using packet::Side;
using packet::TcpPacket;

namespace {

// Timers handled in one step of expire().
constexpr size_t kTimersPerStep = 64;

uint64_t random_key() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

}  // namespace

struct Pipeline::Impl {
  Impl(const PipelineConfig& settings, smtp::ReplyTexts reply_texts, packet::FrameSource* frames,
       const verdict::VerdictSource* verdict_source, EventSink* events, Transmitter* out,
       Counters* counter_set, Observer* observer)
      : config(settings),
        texts(std::move(reply_texts)),
        verdicts(verdict_source),
        transmitter(out),
        counters(counter_set),
        secret(random_key()),
        desk(config, &texts, verdicts, events, counters, observer),
        held(size_t{config.worker_held_bytes / kBufferBytes} + 1),
        answers(config.answers),
        blocked_answers(config.blocked_answers),
        flows(config.flows, secret) {
    for (const uint16_t port : config.mail_ports) mail_port.set(port);
    storage = {&held, 0, config.worker_held_bytes};
    shared = {.config = &config,
              .frames = frames,
              .transmitter = transmitter,
              .counters = counters,
              .desk = &desk,
              .texts = &texts,
              .stream_limits = {config.flow_out_of_order_bytes, config.flow_retained_bytes},
              .session_limits = {.passive = config.observe_only},
              .storage = &storage,
              .answers = &answers,
              .blocked_answers = &blocked_answers};
  }

  void process(Frame* frame, Side arrived, const Now& now);
  void process_syn(Frame* frame, TcpPacket& tcp, Side arrived, Flow* flow, const Now& now);
  void process_syn_ack(Frame* frame, TcpPacket& tcp, Side arrived, Flow* flow, const Now& now);
  void process_segment(Frame* frame, TcpPacket& tcp, Side arrived, Flow& flow, const Now& now);
  void expire(Flow& flow, const Now& now);
  void erase(Flow& flow, const Now& now);
  void watch(Flow& flow, const Connection& connection);
  void forward(Frame* frame, Side arrived, Counter counted_as) {
    counters->add(counted_as);
    transmitter->send(frame, packet::opposite(arrived));
  }
  void discard(Frame* frame, Counter reason) {
    counters->add(reason);
    shared.frames->release(frame);
  }

  // An ordinary buffer: what the worker's allowance for held bytes is divided by.
  static constexpr uint64_t kBufferBytes = 2048;

  const PipelineConfig config;
  const smtp::ReplyTexts texts;
  const verdict::VerdictSource* verdicts;
  Transmitter* transmitter;
  Counters* counters;
  const uint64_t secret;
  std::bitset<65536> mail_port;
  MessageDesk desk;
  FixedPool<tcp::Held> held;
  FixedPool<Answer> answers, blocked_answers;
  FlowTable flows;
  TimerWheel timers;
  tcp::Storage storage;
  Connection::Shared shared;
};

std::expected<std::unique_ptr<Pipeline>, std::string> Pipeline::create(
    const PipelineConfig& config, packet::FrameSource* frames,
    const verdict::VerdictSource* verdicts, EventSink* events, Transmitter* transmitter,
    Counters* counters, Observer* observer) {
  if (config.mail_ports.empty()) {
    return std::unexpected("smtp.mail_ports is empty: name at least one port, usually [25]");
  }
  auto texts =
      smtp::ReplyTexts::create(config.greeting_host, config.help_url, config.reply_templates);
  if (!texts) return std::unexpected(texts.error());
  std::unique_ptr<Pipeline> pipeline(new Pipeline());
  pipeline->impl_ = std::make_unique<Impl>(config, std::move(*texts), frames, verdicts, events,
                                           transmitter, counters, observer);
  return pipeline;
}

Pipeline::Pipeline() = default;
Pipeline::~Pipeline() = default;

void Pipeline::use_signature_set(std::shared_ptr<const scan::SignatureSet> set, uint64_t generation,
                                 scan::MessageScan::Scratch* scratch) {
  impl_->desk.use_signature_set(std::move(set), generation, scratch);
}

void Pipeline::process(Frame* frame, Side arrived, const Now& now) {
  impl_->process(frame, arrived, now);
}

uint64_t Pipeline::flows() const { return impl_->flows.size(); }
uint64_t Pipeline::messages_in_flight() const { return impl_->desk.messages_in_flight(); }

void Pipeline::Impl::process(Frame* frame, Side arrived, const Now& now) {
  counters->add(Counter::kFramesIn);
  counters->add(Counter::kBytesIn, frame->length);
  TcpPacket tcp = packet::parse(*frame);
  const bool to_server = mail_port[tcp.destination_port];
  const bool from_server = mail_port[tcp.source_port];
  if (tcp.kind == Kind::kOther || !(to_server || from_server)) {
    return forward(frame, arrived, Counter::kFramesNotMail);
  }
  Flow* flow = flows.find(FlowKey::of(tcp));
  // Between two mail ports only the flow, or the SYN, tells who is the client.
  const Side client_side = to_server ? arrived : packet::opposite(arrived);
  if (flow == nullptr && client_side == Side::kOutside && !config.inspect_inbound &&
      !(to_server && from_server)) {
    return forward(frame, arrived, Counter::kFramesNotInspected);
  }
  if (tcp.kind == Kind::kMalformed) return discard(frame, Counter::kDropMalformed);
  if (tcp.kind == Kind::kFirstFragment) return discard(frame, Counter::kDropFragment);
  if (config.verify_checksums && !frame->checksum_trusted &&
      !packet::checksums_right(*frame, tcp)) {
    return discard(frame, Counter::kDropChecksum);
  }
  if (tcp.has(packet::kSyn)) {
    const bool answer = tcp.has(packet::kAck);
    const Side opener = answer ? packet::opposite(arrived) : arrived;
    if (opener == Side::kOutside && !config.inspect_inbound) {
      return forward(frame, arrived, Counter::kFramesNotInspected);
    }
    if (!answer && to_server) return process_syn(frame, tcp, arrived, flow, now);
    if (answer && from_server) return process_syn_ack(frame, tcp, arrived, flow, now);
  }
  if (flow == nullptr) return forward(frame, arrived, Counter::kFramesMidStream);
  process_segment(frame, tcp, arrived, *flow, now);
}

void Pipeline::Impl::process_syn(Frame* frame, TcpPacket& tcp, Side arrived, Flow* flow,
                                 const Now& now) {
  const verdict::Verdict verdict = verdicts->lookup(tcp.source, now.wall_s());
  if (verdict.treatment == verdict::Treatment::kDrop) {
    return discard(frame, Counter::kDropVerdict);
  }
  // Data on a SYN (TCP Fast Open) is not read before the handshake, so it stays behind; the client
  // sends it again (RFC 7413 3).
  if (verdict.treatment != verdict::Treatment::kRefuse) {
    packet::trim_to(*frame, tcp, 0);
    transmitter->send(frame, packet::opposite(arrived));
    return;
  }
  if (flow != nullptr) {
    const bool ours = flow->answer != nullptr && !flow->answer->has_server;
    if (!ours && flow->state != FlowState::kUninspected && flow->state != FlowState::kOpaque) {
      return discard(frame, Counter::kDropSynInFlow);
    }
    if (ours && flow->client_initial == tcp.seq) {
      Connection(shared, *flow, now).repeat_blocked_syn();
      return discard(frame, Counter::kDropRefused);
    }
    erase(*flow, now);
  }
  flow = flows.insert(FlowKey::of(tcp));
  if (flow == nullptr) return discard(frame, Counter::kDropFlowCap);
  flow->client_side = arrived;
  const uint64_t unique[2] = {now.monotonic_us, tcp.seq.value};
  const auto initial = static_cast<uint32_t>(
      XXH3_64bits_withSeed(unique, sizeof unique, secret ^ flows.hash(flow->key)));
  Connection connection(shared, *flow, now);
  const CaseReference case_reference =
      verdict.case_reference ? verdict.case_reference : desk.new_case_reference();
  if (!connection.open_blocked(*frame, tcp, case_reference, {initial})) {
    flows.erase(flow);
    return discard(frame, Counter::kDropFlowCap);
  }
  counters->add(Counter::kConnectionsRefused);
  desk.report_blocked_connection(*flow, case_reference, now);
  watch(*flow, connection);
  discard(frame, Counter::kDropRefused);
}

void Pipeline::Impl::process_syn_ack(Frame* frame, TcpPacket& tcp, Side arrived, Flow* flow,
                                     const Now& now) {
  packet::trim_to(*frame, tcp, 0);
  if (flow != nullptr) {
    if (flow->client_side == arrived) return discard(frame, Counter::kDropWrongSide);
    const bool ours = flow->answer != nullptr && !flow->answer->has_server;
    if (ours) return discard(frame, Counter::kDropRefused);
    if (flow->server_initial == tcp.seq && flow->client_initial + 1 == tcp.ack) {
      transmitter->send(frame, packet::opposite(arrived));  // sent again
      return;
    }
    // The server itself says that this is a new connection: the old one is history.
    erase(*flow, now);
  }
  flow = flows.insert(FlowKey::of(tcp));
  if (flow == nullptr) return discard(frame, Counter::kDropFlowCap);
  flow->client_side = packet::opposite(arrived);
  const verdict::Verdict verdict = verdicts->lookup(tcp.destination, now.wall_s());
  Connection connection(shared, *flow, now);
  connection.open(*frame, tcp,
                  verdict.treatment == verdict::Treatment::kPass ? FlowState::kUninspected
                                                                 : FlowState::kInspected);
  watch(*flow, connection);
  transmitter->send(frame, packet::opposite(arrived));
}

void Pipeline::Impl::process_segment(Frame* frame, TcpPacket& tcp, Side arrived, Flow& flow,
                                     const Now& now) {
  const bool from_client = tcp.source == flow.client && tcp.source_port == flow.client_port;
  if ((from_client ? flow.client_side : packet::opposite(flow.client_side)) != arrived) {
    return discard(frame, Counter::kDropWrongSide);
  }
  Connection connection(shared, flow, now);
  if (from_client) {
    connection.from_client(frame, tcp);
  } else {
    connection.from_server(frame, tcp);
  }
  if (connection.over()) return erase(flow, now);
  watch(flow, connection);
}

// A timer that is too early finds out when it fires: only an earlier deadline moves it.
void Pipeline::Impl::watch(Flow& flow, const Connection& connection) {
  const uint64_t deadline = connection.deadline_us();
  if (flow.deadline_us == 0 || deadline < flow.deadline_us) timers.schedule(&flow, deadline);
}

void Pipeline::expire(const Now& now) {
  impl_->timers.advance(now.monotonic_us, kTimersPerStep,
                        [&](TimerEntry* entry) { impl_->expire(*static_cast<Flow*>(entry), now); });
}

void Pipeline::Impl::expire(Flow& flow, const Now& now) {
  Connection connection(shared, flow, now);
  if (connection.deadline_us() > now.monotonic_us || connection.expired()) {
    timers.schedule(&flow,
                    std::max(connection.deadline_us(), now.monotonic_us + TimerWheel::kTickUs));
    return;
  }
  counters->add(Counter::kFlowsExpired);
  erase(flow, now);
}

void Pipeline::Impl::erase(Flow& flow, const Now& now) {
  Connection(shared, flow, now).close();
  timers.cancel(&flow);
  counters->add(Counter::kFlowsClosed);
  flows.erase(&flow);
}

void Pipeline::clear(const Now& now) {
  impl_->flows.for_each([&](Flow* flow) { impl_->erase(*flow, now); });
}

}  // namespace postern::worker
