#include "dataplane/inspect/inspector.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "dataplane/worker/flow.h"
#include "dataplane/worker/session_facts.h"

namespace postern::inspect {

using nlohmann::ordered_json;
using packet::Side;
using packet::TcpPacket;

namespace {

constexpr uint32_t kMegabyte = 1024 * 1024;

std::string utc(uint64_t wall_us) {
  const auto seconds = static_cast<std::time_t>(wall_us / 1'000'000);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z", fmt::gmtime(seconds), wall_us % 1'000'000);
}

std::string endpoint(const IpAddress& address, uint16_t port) {
  return fmt::format("[{}]:{}", address.to_string(), port);
}

// In the direction of travel.
std::string one_way(const TcpPacket& tcp) {
  return endpoint(tcp.source, tcp.source_port) + " " +
         endpoint(tcp.destination, tcp.destination_port);
}

std::string both_ways(const IpAddress& a, uint16_t a_port, const IpAddress& b, uint16_t b_port) {
  std::string one = endpoint(a, a_port), other = endpoint(b, b_port);
  if (other < one) std::swap(one, other);
  return one + " " + other;
}

// 0 is "no answer".
ordered_json reply(uint16_t code) { return code == 0 ? ordered_json(nullptr) : ordered_json(code); }

template <typename Names>
void add_names(ordered_json& list, uint32_t bits, const Names& names) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (bits >> i & 1) list.push_back(names[i]);
  }
}

ordered_json event_head(uint64_t wall_us, std::string_view type, const IpAddress& client,
                        uint16_t client_port, const IpAddress& server, uint16_t server_port) {
  return {{"timestamp", utc(wall_us)},
          {"event_type", type},
          {"src_ip", client.to_string()},
          {"src_port", client_port},
          {"dest_ip", server.to_string()},
          {"dest_port", server_port},
          {"proto", "TCP"}};
}

ordered_json describe_envelope(const worker::Event& event, const smtp::Transaction& transaction) {
  ordered_json recipients = ordered_json::array(), replies = ordered_json::array();
  for (uint32_t i = 0; i < transaction.recipients_stored; ++i) {
    recipients.push_back(transaction.recipient(i));
    replies.push_back(reply(transaction.recipients[i].reply_code));
  }
  ordered_json smtp = {{"helo", event.helo.view()}};
  if (event.auth_user.length > 0) smtp["auth_user"] = event.auth_user.view();
  smtp["mail_from"] =
      transaction.has_mail_from ? ordered_json(transaction.mail_from()) : ordered_json(nullptr);
  smtp["rcpt_to"] = std::move(recipients);
  smtp["rcpt_count"] = transaction.recipients_count;
  smtp["rcpt_rejected"] = transaction.recipients_rejected;
  smtp["chunking"] = transaction.chunked;
  smtp["replies"] = {{"mail", reply(transaction.mail_reply_code)},
                     {"rcpt", std::move(replies)},
                     {"data", reply(transaction.data_reply_code)},
                     {"message", reply(transaction.final_reply_code)}};
  return smtp;
}

ordered_json describe_facts(const worker::SessionFacts& facts) {
  return {{"dialect", facts.dialect.view()},
          {"pipelined", facts.pipelined},
          {"chunked", facts.chunked},
          {"auth_mechanism", facts.auth_mechanism.view()},
          {"auth_result", smtp::kAuthResultNames[static_cast<size_t>(facts.auth_result)]},
          {"failed_logins", facts.failed_logins},
          {"tls_offered", facts.tls_offered},
          {"tls_started", facts.tls_started},
          {"client_bytes", facts.client_bytes},
          {"server_bytes", facts.server_bytes},
          {"duration_ms", facts.duration_ms},
          {"message_ms", facts.message_ms},
          {"messages", facts.messages},
          {"null_senders", facts.null_senders},
          {"recipients_count", facts.recipients_count},
          {"recipients_rejected", facts.recipients_rejected}};
}

ordered_json describe_origin(const worker::Origin& origin) {
  return {{"ip", origin.ip.view()},
          {"auth", worker::kOriginAuthNames[static_cast<size_t>(origin.auth)]},
          {"user", origin.user.view()},
          {"script", origin.script.view()},
          {"confidence", worker::kConfidenceNames[static_cast<size_t>(origin.confidence)]},
          {"why", origin.why.view()}};
}

ordered_json list_domains(const worker::Event& event) {
  ordered_json list = ordered_json::array();
  for (uint32_t i = 0; i < event.link_domains_stored; ++i) {
    list.push_back(event.link_domains[i].view());
  }
  return list;
}

void add_score(ordered_json& json, const worker::Event& event, const scan::SignatureSet& set) {
  ordered_json rules = ordered_json::array();
  for (uint32_t i = 0; i < std::min<uint32_t>(event.rules_count, worker::Event::kRules); ++i) {
    const uint32_t rule = event.rules[i];
    rules.push_back({{"name", set.rule_name(rule)},
                     {"score", set.rule_score(rule)},
                     {"description", set.rule_description(rule)}});
  }
  json["score"] = event.score;
  json["rules"] = std::move(rules);
  json["signature_set"] = {{"name", set.name()}, {"digest", set.digest()}};
}

// What the counters say of frames that went their ordinary way.
bool ordinary(Counter counter) {
  switch (counter) {
    case Counter::kFramesIn:
    case Counter::kFramesOut:
    case Counter::kBytesIn:
    case Counter::kFramesNotInspected:
    case Counter::kFlowsOpened:
    case Counter::kFlowsClosed:
    case Counter::kMessagesSeen:
    case Counter::kMessagesForwarded:
    case Counter::kMessagesUnscanned:
    case Counter::kMessagesAbandoned:
    case Counter::kConnectionsOpaque:
    case Counter::kAnomalies:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::expected<std::unique_ptr<Inspector>, std::string> Inspector::create(
    const InspectOptions& options, Emit emit) {
  std::unique_ptr<Inspector> inspector(new Inspector(options, std::move(emit)));
  worker::PipelineConfig config;
  config.mail_ports = options.ports;
  config.inspect_inbound = true;
  config.observe_only = true;
  config.verify_checksums = options.verify_checksums;
  // No sender repeats what a cap would leave out here, so the caps are as wide as a capture may
  // need.
  config.flows = 16384;
  config.transactions = 4096;
  config.messages_in_flight = 512;
  config.answers = config.blocked_answers = 1;
  config.flow_out_of_order_bytes = 64 * kMegabyte;
  config.flow_retained_bytes = 256 * kMegabyte;
  config.worker_held_bytes = uint64_t{1024} * kMegabyte;
  config.embryonic_timeout_s = config.idle_timeout_s = 7 * 24 * 3600;
  auto pipeline =
      worker::Pipeline::create(config, &inspector->frames_, &inspector->verdicts_, inspector.get(),
                               inspector.get(), &inspector->counters_, inspector.get());
  if (!pipeline) return std::unexpected(pipeline.error());
  inspector->pipeline_ = std::move(*pipeline);
  if (options.signatures) {
    const auto prepared = inspector->scratch_.prepare(*options.signatures);
    if (!prepared) return std::unexpected(prepared.error());
    inspector->pipeline_->use_signature_set(options.signatures, 1, &inspector->scratch_);
  }
  return inspector;
}

Inspector::~Inspector() {
  if (pipeline_) pipeline_->clear(now_);
}

// The client's side is "inside". Between two mail ports the SYN tells who that is.
Side Inspector::side_of(const TcpPacket& tcp) {
  const auto is_mail = [this](uint16_t port) {
    return std::ranges::count(options_.ports, port) > 0;
  };
  if (!is_mail(tcp.destination_port)) return Side::kOutside;
  if (!is_mail(tcp.source_port)) return Side::kInside;
  const std::string way = one_way(tcp);
  if (tcp.has(packet::kSyn) && !tcp.has(packet::kAck)) openers_.insert(way);
  return openers_.contains(way) ? Side::kInside : Side::kOutside;
}

void Inspector::packet(std::span<const uint8_t> bytes, uint64_t wall_us) {
  // Captures joined from several interfaces step back in time; protocol code never does.
  now_ = {std::max(now_.monotonic_us, wall_us), wall_us};
  packet::Frame* frame = frames_.copy_of(bytes);
  const TcpPacket tcp = packet::parse(*frame);
  const Counters before = counters_;
  pipeline_->process(frame, side_of(tcp), now_);
  if (tcp.kind != packet::Kind::kOther) tally(tcp, before);
  pipeline_->expire(now_);
}

void Inspector::finish() { pipeline_->clear(now_); }

// Notes what was out of the ordinary about the packet just processed.
void Inspector::tally(const TcpPacket& tcp, const Counters& before) {
  for (size_t i = 0; i < std::size(kCounterTable); ++i) {
    const auto counter = static_cast<Counter>(i);
    const uint64_t raised = counters_.get(counter) - before.get(counter);
    if (raised == 0 || ordinary(counter) || counter == Counter::kFramesNotMail) continue;
    tallies_[both_ways(tcp.source, tcp.source_port, tcp.destination, tcp.destination_port)]
            [kCounterTable[i].name] += raised;
  }
}

void Inspector::send(packet::Frame* frame, Side) { frames_.release(frame); }

mime::RenderSink* Inspector::message_begin(const smtp::Transaction& transaction) {
  auto& message = messages_[&transaction];
  message = std::make_unique<MessageRecord>();
  return message.get();
}

void Inspector::message_bytes(const smtp::Transaction& transaction,
                              std::span<const uint8_t> bytes) {
  messages_.at(&transaction)->add(bytes);
}

void Inspector::transaction_over(const worker::Event& event, const smtp::Transaction& transaction) {
  ordered_json json = event_head(event.wall_us, "smtp", event.client, event.client_port,
                                 event.server, event.server_port);
  json["smtp"] = describe_envelope(event, transaction);
  // Its message ended, or was abandoned after some of it was seen.
  const auto message = messages_.find(&transaction);
  const bool abandoned = event.outcome == worker::Outcome::kAbandoned;
  if (message != messages_.end()) {
    if (!abandoned || transaction.message_bytes > 0) {
      json["email"] = message->second->describe(transaction.message_bytes);
      json["email"]["complete"] = !abandoned;
      json["origin"] = describe_origin(event.origin);
      json["link_domains"] = list_domains(event);
    }
    if (options_.signatures && !abandoned) add_score(json, event, *options_.signatures);
    messages_.erase(message);
  }
  json["session"] = describe_facts(event.session);
  json["anomalies"] = ordered_json::array();
  add_names(json["anomalies"], event.smtp_anomalies, smtp::kAnomalyNames);
  add_names(json["anomalies"], event.mime_anomalies, mime::kAnomalyNames);
  emit_(json);
}

void Inspector::session_over(const worker::Flow& flow, const Now& now) {
  ordered_json json = event_head(now.wall_us, "session", flow.client, flow.client_port, flow.server,
                                 flow.server_port);
  json["helo"] = flow.session.helo();
  if (!flow.session.auth_user().empty()) json["auth_user"] = flow.session.auth_user();
  const worker::SessionFacts facts = worker::session_facts(flow);
  json["messages"] = facts.messages;
  json["starttls_offered"] = facts.tls_offered;
  json["tls"] = facts.tls_started;
  json["session"] = describe_facts(facts);
  // Segments that the capture lacks: nothing behind the gap could be read.
  json["gap"] = flow.client_stream.has_gap() || flow.server_stream.has_gap();
  json["anomalies"] = ordered_json::array();
  add_names(json["anomalies"], flow.session.anomalies(), smtp::kAnomalyNames);
  json["tcp"] = ordered_json::object();
  const auto tally =
      tallies_.find(both_ways(flow.client, flow.client_port, flow.server, flow.server_port));
  if (tally != tallies_.end()) {
    for (const auto& [name, count] : tally->second) json["tcp"][std::string(name)] = count;
    tallies_.erase(tally);
  }
  emit_(json);
}

}  // namespace postern::inspect
