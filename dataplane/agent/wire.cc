#include "dataplane/agent/wire.h"

#include <fmt/format.h>
#include <unicode/unistr.h>

#include <algorithm>

#include "dataplane/mime/render.h"
#include "dataplane/smtp/transaction.h"

namespace postern::agent {
namespace {

using verdict::NarrowKey;
using verdict::NarrowVerdict;
using verdict::PrefixVerdict;
using verdict::StartTls;
using verdict::Switch;
using verdict::Treatment;
using verdict::VerdictKey;

std::expected<IpPrefix, std::string> prefix_from(std::string_view octets, uint32_t length) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(octets.data());
  if (octets.size() != 4 && octets.size() != 16) {
    return std::unexpected(
        fmt::format("an address of {} octets: it must have 4 or 16", octets.size()));
  }
  const IpAddress address =
      octets.size() == 4 ? IpAddress::from_v4(bytes) : IpAddress::from_v6(bytes);
  if (octets.size() == 16 && address.is_v4()) {
    return std::unexpected(
        fmt::format("{}: an IPv4 address must be given in 4 octets", address.to_string()));
  }
  const uint32_t limit = octets.size() == 4 ? 32 : 128;
  if (length > limit) {
    return std::unexpected(fmt::format("{}/{}: the prefix length must be 0 to {}",
                                       address.to_string(), length, limit));
  }
  const IpPrefix prefix = IpPrefix::containing(address, static_cast<uint8_t>(length));
  if (prefix.address != address) {
    return std::unexpected(
        fmt::format("{}/{}: bits are set after the prefix", address.to_string(), length));
  }
  return prefix;
}

template <size_t N, typename Add>
void name_bits(uint32_t bits, const std::array<std::string_view, N>& names, Add add) {
  for (size_t i = 0; i < N; ++i) {
    if (bits >> i & 1) add(names[i]);
  }
}

void write_session(const worker::SessionFacts& facts, channel::v1::SessionFacts* out) {
  out->set_dialect(valid_utf8(facts.dialect.view()));
  out->set_pipelined(facts.pipelined);
  out->set_chunked(facts.chunked);
  out->set_auth_mechanism(valid_utf8(facts.auth_mechanism.view()));
  out->set_auth_result(std::string(smtp::kAuthResultNames[static_cast<size_t>(facts.auth_result)]));
  out->set_failed_logins(facts.failed_logins);
  out->set_tls_offered(facts.tls_offered);
  out->set_tls_started(facts.tls_started);
  out->set_client_bytes(facts.client_bytes);
  out->set_server_bytes(facts.server_bytes);
  out->set_duration_ms(facts.duration_ms);
  out->set_message_ms(facts.message_ms);
  out->set_messages(facts.messages);
  out->set_null_senders(facts.null_senders);
  out->set_recipients_count(facts.recipients_count);
  out->set_recipients_rejected(facts.recipients_rejected);
}

void write_origin(const worker::Origin& origin, channel::v1::Origin* out) {
  out->set_ip(valid_utf8(origin.ip.view()));
  out->set_auth(std::string(worker::kOriginAuthNames[static_cast<size_t>(origin.auth)]));
  out->set_user(valid_utf8(origin.user.view()));
  out->set_script(valid_utf8(origin.script.view()));
  out->set_confidence(
      std::string(worker::kConfidenceNames[static_cast<size_t>(origin.confidence)]));
  out->set_why(valid_utf8(origin.why.view()));
}

std::string rule_name(const std::vector<std::string>* names, uint32_t rule) {
  if (names == nullptr || rule >= names->size()) return fmt::format("rule {}", rule);
  return valid_utf8((*names)[rule]);
}

void write_shadow(const worker::Event& event, const SignatureNames* names,
                  channel::v1::Event* out) {
  out->set_shadow_set(names != nullptr && !names->shadow_digest.empty() ? names->shadow_digest
                                                                        : "unknown");
  out->set_threshold(event.threshold);
  out->set_shadow_failed(event.shadow == worker::ShadowScan::kFailed);
  out->set_shadow_score(event.shadow_score);
  const size_t rules = std::min<size_t>(event.shadow_rules_count, worker::Event::kRules);
  for (size_t i = 0; i < rules; ++i) {
    out->add_shadow_rules(
        rule_name(names != nullptr ? &names->shadow_rule_names : nullptr, event.shadow_rules[i]));
  }
}

std::expected<Switch, std::string> from_wire(channel::v1::Switch of, const IpPrefix& prefix) {
  static_assert(static_cast<int>(Switch::kRangeExclusion) == channel::v1::SWITCH_RANGE_EXCLUSION);
  static_assert(static_cast<int>(Switch::kInboundSource) == channel::v1::SWITCH_INBOUND_SOURCE);
  if (channel::v1::Switch_IsValid(of)) return static_cast<Switch>(of);
  return std::unexpected(
      fmt::format("{}: switch {} is not known here", prefix.to_string(), static_cast<int>(of)));
}

// The part that a verdict or removal on `prefix` is about.
template <typename Message>
std::expected<SenderPart, std::string> part_from(const Message& message, const IpPrefix& prefix) {
  const bool has_user = !message.auth_user().empty();
  const bool has_address = !message.injecting_address().empty();
  if (!has_user && !has_address) return SenderPart();
  if (has_user && has_address) {
    return std::unexpected(
        fmt::format("{}: a user and an injecting address at once", prefix.to_string()));
  }
  if (message.of() != channel::v1::SWITCH_SMORF_BLOCK) {
    return std::unexpected(
        fmt::format("{}: only a SMORF block can be on a part of a sender", prefix.to_string()));
  }
  if (has_user) return SenderPart::user(message.auth_user());
  const auto from = prefix_from(message.injecting_address(), message.injecting_length());
  if (!from) return std::unexpected(from.error());
  return SenderPart::from(*from);
}

}  // namespace

std::expected<AnyKey, std::string> from_wire(const channel::v1::Removal& removal) {
  const auto prefix = prefix_from(removal.address(), removal.prefix_length());
  if (!prefix) return std::unexpected(prefix.error());
  const auto of = from_wire(removal.of(), *prefix);
  if (!of) return std::unexpected(of.error());
  const auto part = part_from(removal, *prefix);
  if (!part) return std::unexpected(part.error());
  if (!part->is_whole()) return NarrowKey{*prefix, *part};
  return VerdictKey{*prefix, *of};
}

std::expected<AnyVerdict, std::string> from_wire(const channel::v1::Verdict& verdict) {
  const auto prefix = prefix_from(verdict.address(), verdict.prefix_length());
  if (!prefix) return std::unexpected(prefix.error());
  static_assert(static_cast<int>(Treatment::kPass) + 1 == channel::v1::TREATMENT_PASS);
  static_assert(static_cast<int>(Treatment::kDrop) + 1 == channel::v1::TREATMENT_DROP);
  if (verdict.treatment() < channel::v1::TREATMENT_PASS ||
      verdict.treatment() > channel::v1::TREATMENT_DROP) {
    return std::unexpected(fmt::format("{}: treatment {} is not known here", prefix->to_string(),
                                       static_cast<int>(verdict.treatment())));
  }
  static_assert(static_cast<int>(StartTls::kMask) == channel::v1::START_TLS_MASK);
  if (!channel::v1::StartTls_IsValid(verdict.starttls())) {
    return std::unexpected(fmt::format("{}: starttls {} is not known here", prefix->to_string(),
                                       static_cast<int>(verdict.starttls())));
  }
  const auto of = from_wire(verdict.of(), *prefix);
  if (!of) return std::unexpected(of.error());
  const auto part = part_from(verdict, *prefix);
  if (!part) return std::unexpected(part.error());
  const auto treatment = static_cast<Treatment>(verdict.treatment() - 1);
  if (!part->is_whole() && !verdict::is_narrow_treatment(treatment)) {
    return std::unexpected(fmt::format("{} {}: a part of a sender can be held or refused only",
                                       prefix->to_string(), part->to_string()));
  }
  if (!part->is_whole()) {
    return NarrowVerdict{*prefix, *part, treatment, CaseReference{verdict.case_reference()},
                         verdict.expires_unix_s()};
  }
  return PrefixVerdict{*prefix,
                       treatment,
                       verdict.messages_per_minute(),
                       CaseReference{verdict.case_reference()},
                       verdict.expires_unix_s(),
                       static_cast<StartTls>(verdict.starttls()),
                       *of};
}

std::expected<VerdictDelta, std::string> from_wire(const channel::v1::Delta& delta) {
  VerdictDelta out{.from_version = delta.from_version(), .to_version = delta.to_version()};
  out.upserts.reserve(static_cast<size_t>(delta.upserts_size()));
  for (const auto& wire : delta.upserts()) {
    auto verdict = from_wire(wire);
    if (!verdict) return std::unexpected(std::move(verdict.error()));
    if (const auto* whole = std::get_if<PrefixVerdict>(&*verdict)) {
      out.upserts.push_back(*whole);
    } else {
      out.narrow_upserts.push_back(std::get<NarrowVerdict>(*verdict));
    }
  }
  for (const auto& wire : delta.removals()) {
    auto key = from_wire(wire);
    if (!key) return std::unexpected(std::move(key.error()));
    if (const auto* whole = std::get_if<VerdictKey>(&*key)) {
      out.removals.push_back(*whole);
    } else {
      out.narrow_removals.push_back(std::get<NarrowKey>(*key));
    }
  }
  return out;
}

std::string valid_utf8(std::string_view text) {
  if (std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
    return std::string(text);
  }
  std::string out;
  const auto size = static_cast<int32_t>(text.size());
  icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), size)).toUTF8String(out);
  return out;
}

channel::v1::Event to_wire(const worker::Event& event, const SignatureNames* names) {
  channel::v1::Event out;
  out.set_kind(std::string(worker::kEventKindNames[static_cast<size_t>(event.kind)]));
  if (event.kind != worker::EventKind::kSession) {
    out.set_outcome(std::string(worker::kOutcomeNames[static_cast<size_t>(event.outcome)]));
  }
  out.set_case_reference(event.case_reference.number);
  out.set_held_by(std::string(event.held_by.view()));
  out.set_wall_us(event.wall_us);
  out.set_client(event.client.to_string());
  out.set_client_port(event.client_port);
  out.set_server(event.server.to_string());
  out.set_server_port(event.server_port);
  out.set_helo(valid_utf8(event.helo.view()));
  out.set_auth_user(valid_utf8(event.auth_user.view()));
  out.set_mail_from(valid_utf8(event.mail_from.view()));
  out.set_null_sender(event.null_sender);
  out.set_recipients_count(event.recipients_count);
  out.set_recipients_rejected(event.recipients_rejected);
  const size_t recipients = std::min<size_t>(event.recipients_stored, worker::Event::kRecipients);
  for (size_t i = 0; i < recipients; ++i) {
    out.add_recipients(valid_utf8(event.recipients[i].view()));
  }
  out.set_subject(valid_utf8(event.subject.view()));
  out.set_message_bytes(event.message_bytes);
  // Where an envelope was refused there was no message.
  if (event.kind == worker::EventKind::kMessage && event.content_hash != 0) {
    out.set_content_hash(fmt::format("{:016x}", event.content_hash));
  }
  out.set_server_reply(event.server_reply);
  out.set_score(event.score);
  const size_t rules = std::min<size_t>(event.rules_count, worker::Event::kRules);
  for (size_t i = 0; i < rules; ++i) {
    out.add_rules(rule_name(names != nullptr ? &names->rule_names : nullptr, event.rules[i]));
  }
  const size_t rules_cut = std::min<size_t>(event.rules_cut_count, worker::Event::kRulesCut);
  for (size_t i = 0; i < rules_cut; ++i) {
    out.add_rules_cut(
        rule_name(names != nullptr ? &names->rule_names : nullptr, event.rules_cut[i]));
  }
  if (event.shadow != worker::ShadowScan::kNone) write_shadow(event, names, &out);
  if (names != nullptr) out.set_signature_set(names->digest);
  const auto add_anomaly = [&](std::string_view name) { out.add_anomalies(std::string(name)); };
  name_bits(event.smtp_anomalies, smtp::kAnomalyNames, add_anomaly);
  name_bits(event.mime_anomalies, mime::kAnomalyNames, add_anomaly);
  // A connection that we answered ourselves from the start has shown nothing.
  if (event.kind != worker::EventKind::kConnectionRefused) {
    write_session(event.session, out.mutable_session());
  }
  if (event.kind == worker::EventKind::kMessage) write_origin(event.origin, out.mutable_origin());
  const size_t domains = std::min<size_t>(event.link_domains_stored, worker::Event::kLinkDomains);
  for (size_t i = 0; i < domains; ++i) {
    out.add_link_domains(valid_utf8(event.link_domains[i].view()));
  }
  if (event.header_sample != nullptr) {
    out.set_header_sample(std::string(event.header_sample->view()));
    out.set_header_sample_cut(event.header_sample->cut);
  }
  return out;
}

}  // namespace postern::agent
