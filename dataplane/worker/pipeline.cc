#include "dataplane/worker/pipeline.h"

#include <array>
#include <bitset>
#include <new>
#include <random>

#include "dataplane/packet/checksum.h"
#include "dataplane/stage.h"
#include "dataplane/worker/admission.h"
#include "dataplane/worker/connections.h"
#include "dataplane/worker/inbound_guard.h"
#include "dataplane/worker/message_desk.h"

namespace postern::worker {

using packet::Frame;
using packet::Kind;
using packet::Side;
using packet::TcpPacket;

namespace {

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
        source(frames),
        transmitter(out),
        counters(counter_set),
        verdicts(verdict_source),
        desk(config, &texts, verdicts, events, counters, observer),
        connections(config, frames, out, counters, &desk, &texts, random_key()),
        admission(config, frames, out, counters, verdicts, &desk, &connections),
        guard(config, frames, out, counters, verdicts) {
    for (const uint16_t port : config.mail_ports) mail_port.set(port);
  }

  // A frame of a burst, as far as it is known before its turn.
  struct Read {
    TcpPacket tcp;
    uint64_t hash = 0;
    bool mail = false;
    const verdict::Verdict* verdict = nullptr;  // on a SYN's sender; null: not looked up yet
  };
  void look_up_senders(size_t frames, Side arrived, const Now& now);
  void process_mail(Frame* frame, Side arrived, Read& read, const Now& now);
  Flow* find(const TcpPacket& tcp, uint64_t hash) {
    StageScope stage(Stage::kFlow);
    return connections.find(FlowKey::of(tcp), hash);
  }
  void send_on(Frame* frame, Side arrived) {
    StageScope stage(Stage::kTransmit);
    transmitter->send(frame, packet::opposite(arrived));
  }
  void forward(Frame* frame, Side arrived, Counter counted_as) {
    counters->add(counted_as);
    send_on(frame, arrived);
  }
  void discard(Frame* frame, Counter reason) {
    counters->add(reason);
    source->release(frame);
  }

  const PipelineConfig config;
  const smtp::ReplyTexts texts;
  packet::FrameSource* source;
  Transmitter* transmitter;
  Counters* counters;
  const verdict::VerdictSource* verdicts;
  std::bitset<65536> mail_port;
  bool started = false;
  MessageDesk desk;
  Connections connections;
  Admission admission;
  InboundGuard guard;
  std::array<Read, kBurst> burst;
  std::array<IpAddress, kBurst> senders;
  std::array<verdict::Verdict, kBurst> sender_verdicts;
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
                                 scan::MessageScan::Scratch* scratch,
                                 std::shared_ptr<const scan::SignatureSet> shadow) {
  impl_->desk.use_signature_set(std::move(set), generation, scratch, std::move(shadow));
}

uint64_t Pipeline::flows() const { return impl_->connections.size(); }
uint64_t Pipeline::messages_in_flight() const { return impl_->desk.messages_in_flight(); }
uint64_t Pipeline::messages_of_former_sets() const { return impl_->desk.messages_of_former_sets(); }
void Pipeline::set_overloaded(bool overloaded) { impl_->admission.set_overloaded(overloaded); }

// Each pass over the burst asks for what the next one reads.
void Pipeline::process(std::span<Frame* const> frames, Side arrived, const Now& now) {
  Impl& impl = *impl_;
  StageScope stage(Stage::kClassify);
  if (!impl.started) {
    impl.started = true;
    impl.admission.start(now);
  }
  uint64_t bytes = 0;
  size_t mail = 0;
  for (size_t i = 0; i < frames.size(); ++i) {
    bytes += frames[i]->length;
    // Made in its place: a copy would wait until what parse() has just written can be read.
    Impl::Read& read = *new (&impl.burst[i]) Impl::Read{.tcp = packet::parse(*frames[i])};
    read.mail = read.tcp.kind != Kind::kOther &&
                (impl.mail_port[read.tcp.destination_port] || impl.mail_port[read.tcp.source_port]);
    if (!read.mail) continue;
    ++mail;
    read.hash = impl.connections.hash(FlowKey::of(read.tcp));
    impl.connections.prefetch_slot(read.hash);
  }
  impl.counters->add(Counter::kFramesIn, frames.size());
  impl.counters->add(Counter::kBytesIn, bytes);
  impl.counters->add(Counter::kFramesNotMail, frames.size() - mail);
  if (mail > 0 && frames.size() > 1) {
    StageScope flow(Stage::kFlow);
    for (size_t i = 0; i < frames.size(); ++i) {
      if (impl.burst[i].mail) impl.connections.prefetch_flow(impl.burst[i].hash);
    }
    impl.look_up_senders(frames.size(), arrived, now);
  }
  for (size_t i = 0; i < frames.size(); ++i) {
    if (impl.burst[i].mail)
      impl.process_mail(frames[i], arrived, impl.burst[i], now);
    else
      impl.send_on(frames[i], arrived);
  }
}

// Many SYNs in one burst are a flood, most likely of addresses that no cache has.
void Pipeline::Impl::look_up_senders(size_t frames, Side arrived, const Now& now) {
  if (arrived != Side::kInside && !config.inspect_inbound) return;
  size_t count = 0;
  for (size_t i = 0; i < frames; ++i) {
    Read& read = burst[i];
    if (!read.mail || !mail_port[read.tcp.destination_port] || !read.tcp.has(packet::kSyn) ||
        read.tcp.has(packet::kAck)) {
      continue;
    }
    senders[count] = read.tcp.source;
    read.verdict = &sender_verdicts[count++];
  }
  verdicts->lookup_burst(std::span(senders).first(count), now.wall_s(), sender_verdicts);
}

void Pipeline::Impl::process_mail(Frame* frame, Side arrived, Read& read, const Now& now) {
  TcpPacket& tcp = read.tcp;
  const bool to_server = mail_port[tcp.destination_port];
  const bool from_server = mail_port[tcp.source_port];
  if (arrived == Side::kOutside && to_server && guard.stops(frame, tcp, now)) return;
  Flow* flow = find(tcp, read.hash);
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
  StageScope stage(Stage::kFlow);
  const bool inspected_side = arrived == Side::kInside || config.inspect_inbound;
  const Admission::Arrival arrival{.frame = frame,
                                   .tcp = tcp,
                                   .side = arrived,
                                   .hash = read.hash,
                                   .flow = flow,
                                   .to_server = to_server && (!from_server || inspected_side),
                                   .verdict = read.verdict};
  if (tcp.has(packet::kSyn)) {
    const bool answer = tcp.has(packet::kAck);
    const Side opener = answer ? packet::opposite(arrived) : arrived;
    const bool inspected = opener == Side::kInside || config.inspect_inbound;
    if (inspected && to_server && !answer) return admission.syn(arrival, now);
    if (inspected && from_server && answer) return admission.syn_ack(arrival, now);
    return admission.stray_syn(arrival);
  }
  if ((flow == nullptr || flow->renewal) && admission.begins(arrival, now)) return;
  if (flow == nullptr) return admission.unknown(arrival, now);
  connections.segment(frame, tcp, arrived, *flow, now);
}

void Pipeline::expire(const Now& now) {
  StageScope stage(Stage::kFlow);
  impl_->connections.expire(now);
  impl_->admission.repeat(now);
}

void Pipeline::clear(const Now& now) { impl_->connections.clear(now); }

}  // namespace postern::worker
