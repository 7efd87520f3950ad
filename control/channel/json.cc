#include "control/channel/json.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/case_reference.h"
#include "base/time_text.h"
#include "control/channel/event_json.h"
#include "control/channel/treatment.h"

namespace postern::channel {
namespace {

using nlohmann::ordered_json;

ordered_json or_null(const std::string& text) {
  return text.empty() ? ordered_json() : ordered_json(text);
}

ordered_json time_json(uint64_t unix_s) {
  return unix_s == 0 ? ordered_json() : ordered_json(utc_time(unix_s));
}

ordered_json case_json(uint64_t number) {
  return number == 0 ? ordered_json() : ordered_json(CaseReference{number}.to_string());
}

ordered_json list(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  ordered_json out = ordered_json::array();
  for (const std::string& text : texts) out.push_back(text);
  return out;
}

ordered_json shadow_json(const v1::Event& e) {
  if (e.shadow_set().empty()) return nullptr;
  return {{"signature_set", e.shadow_set()},
          {"score", e.shadow_score()},
          {"rules", list(e.shadow_rules())},
          {"failed", e.shadow_failed()}};
}

template <typename Rows>
ordered_json rows_json(const Rows& rows) {
  ordered_json out = ordered_json::array();
  for (const auto& row : rows) out.push_back(to_json(row));
  return out;
}

}  // namespace

ordered_json to_json(const v1::Event& e) {
  // Microseconds would be lost in utc_time(): they stand behind the seconds.
  const std::string seconds = utc_time(e.wall_us() / 1'000'000);
  return {{"timestamp", fmt::format("{}.{:06}Z", seconds.substr(0, seconds.size() - 1),
                                    e.wall_us() % 1'000'000)},
          {"kind", e.kind()},
          {"outcome", or_null(e.outcome())},
          {"case", case_json(e.case_reference())},
          {"held_by", or_null(e.held_by())},
          {"client", e.client()},
          {"client_port", e.client_port()},
          {"server", e.server()},
          {"server_port", e.server_port()},
          {"helo", or_null(e.helo())},
          {"auth_user", or_null(e.auth_user())},
          {"mail_from", e.mail_from()},
          {"null_sender", e.null_sender()},
          {"recipients_count", e.recipients_count()},
          {"recipients_rejected", e.recipients_rejected()},
          {"rcpt_to", list(e.recipients())},
          {"subject", e.subject()},
          {"message_bytes", e.message_bytes()},
          {"content_hash", or_null(e.content_hash())},
          {"server_reply", e.server_reply() == 0 ? ordered_json() : ordered_json(e.server_reply())},
          {"score", e.score()},
          {"rules", list(e.rules())},
          {"signature_set", or_null(e.signature_set())},
          {"anomalies", list(e.anomalies())},
          {"session", e.has_session() ? to_json(e.session()) : ordered_json()},
          {"origin", e.has_origin() ? to_json(e.origin()) : ordered_json()},
          {"link_domains", list(e.link_domains())},
          {"rules_cut", list(e.rules_cut())},
          {"header_sample", or_null(e.header_sample())},
          {"header_sample_cut", e.header_sample_cut()},
          {"shadow", shadow_json(e)}};
}

ordered_json to_json(const v1::VerdictEntry& entry) {
  return {{"prefix", entry.prefix()},
          {"part", or_null(entry.part())},
          {"switch", switch_name(entry.of())},
          {"treatment", treatment_name(entry.treatment())},
          {"messages_per_minute", entry.messages_per_minute() == 0
                                      ? ordered_json()
                                      : ordered_json(entry.messages_per_minute())},
          {"case", case_json(entry.case_reference())},
          {"starttls", starttls_name(entry.starttls())},
          {"reason", entry.reason()},
          {"author", entry.author()},
          {"set", utc_time(entry.set_unix_s())},
          {"expires", time_json(entry.expires_unix_s())}};
}

ordered_json to_json(const v1::Customer& customer) {
  ordered_json contacts = ordered_json::array();
  for (const v1::CustomerContact& contact : customer.contacts())
    contacts.push_back({{"name", contact.name()}, {"email", contact.email()}});
  return {{"id", customer.id()},
          {"name", customer.name()},
          {"language", customer.language()},
          {"contacts", contacts},
          {"prefixes", list(customer.prefixes())},
          {"channels",
           {{"email", customer.email()},
            {"arf", customer.arf()},
            {"xarf", customer.xarf()},
            {"webhook_url", or_null(customer.webhook_url())},
            {"webhook_signed", customer.webhook_signed()},
            {"digest_minutes", customer.digest_minutes()}}},
          {"limits",
           {{"messages_per_day", customer.messages_per_day()},
            {"messages_per_minute", customer.messages_per_minute()},
            {"exempt", customer.exempt()}}},
          {"notes", customer.notes()},
          {"created", time_json(customer.created_unix_s())},
          {"changed", time_json(customer.changed_unix_s())}};
}

ordered_json to_json(const v1::SenderCounts& counts) {
  return {{"messages", counts.messages()},           {"forwarded", counts.forwarded()},
          {"refused_spam", counts.refused_spam()},   {"refused_blocked", counts.refused_blocked()},
          {"deferred", counts.deferred()},           {"recipients", counts.recipients()},
          {"rejected", counts.rejected()},           {"null_senders", counts.null_senders()},
          {"failed_logins", counts.failed_logins()}, {"bytes", counts.bytes()}};
}

ordered_json to_json(const v1::Sender& sender) {
  return {{"address", sender.address()},
          {"customer", or_null(sender.customer())},
          {"counts", to_json(sender.counts())},
          {"in_force", sender.has_in_force() ? to_json(sender.in_force()) : ordered_json()},
          {"open_case", case_json(sender.open_case())}};
}

ordered_json to_json(const v1::ShowSenderReply& reply) {
  ordered_json hours = ordered_json::array();
  for (const v1::SenderHour& hour : reply.hours())
    hours.push_back({{"hour", utc_time(hour.hour_unix_s())}, {"counts", to_json(hour.counts())}});
  ordered_json out = to_json(reply.sender());
  out["hours"] = hours;
  out["cases"] = rows_json(reply.cases());
  return out;
}

ordered_json to_json(const v1::CaseSummary& summary) {
  return {{"case", case_json(summary.reference())},
          {"server", summary.server()},
          {"part", or_null(summary.part())},
          {"subject", summary.subject()},
          {"customer", or_null(summary.customer())},
          {"state", summary.state()},
          {"step", summary.step()},
          {"cause", summary.cause()},
          {"opened", time_json(summary.opened_unix_s())},
          {"changed", time_json(summary.changed_unix_s())},
          {"closed", time_json(summary.closed_unix_s())}};
}

ordered_json to_json(const v1::ShowCaseReply& reply) {
  ordered_json history = ordered_json::array(), evidence = ordered_json::array(),
               marks = ordered_json::array();
  for (const v1::CaseHistoryEntry& entry : reply.history()) {
    history.push_back({{"at", utc_time(entry.at_unix_s())},
                       {"author", entry.author()},
                       {"action", entry.action()},
                       {"text", entry.text()}});
  }
  for (const v1::CaseEvidence& row : reply.evidence())
    evidence.push_back({{"id", row.id()}, {"why", row.why()}, {"event", to_json(row.event())}});
  for (const v1::CaseMark& mark : reply.marks()) {
    marks.push_back({{"mark", mark.kind()},
                     {"green", mark.green()},
                     {"text", mark.text()},
                     {"since", time_json(mark.since_unix_s())}});
  }
  ordered_json out = to_json(reply.summary());
  // Ours, but from a file: what is no JSON is not there.
  ordered_json diagnosis = ordered_json::parse(reply.diagnosis(), nullptr, false);
  out["diagnosis"] = diagnosis.is_discarded() ? ordered_json() : std::move(diagnosis);
  out["marks"] = std::move(marks);
  out["verdicts"] = rows_json(reply.verdicts());
  out["requested_by"] = or_null(reply.requested_by());
  out["requested"] = time_json(reply.requested_unix_s());
  out["evidence_kept"] = reply.evidence_kept();
  out["evidence"] = std::move(evidence);
  out["history"] = std::move(history);
  return out;
}

ordered_json to_json(const v1::AuditRow& row) {
  return {{"at", utc_time(row.at_unix_s())},
          {"author", row.author()},
          {"action", row.action()},
          {"subject", row.subject()},
          {"detail", row.detail()}};
}

ordered_json to_json(const v1::HistoryEntry& row) {
  const v1::VerdictEntry& entry = row.entry();
  if (row.action() == "set") return {{"action", row.action()}, {"verdict", to_json(entry)}};
  return {{"action", row.action()},        {"switch", switch_name(entry.of())},
          {"part", or_null(entry.part())}, {"at", utc_time(entry.set_unix_s())},
          {"author", entry.author()},      {"reason", entry.reason()}};
}

ordered_json to_json(const v1::ApiToken& token) {
  return {{"name", token.name()},
          {"role", token.role()},
          {"created", time_json(token.created_unix_s())},
          {"expires", time_json(token.expires_unix_s())},
          {"used", time_json(token.used_unix_s())},
          {"revoked", time_json(token.revoked_unix_s())}};
}

ordered_json to_json(const v1::FeedState& state) {
  ordered_json out{{"feed", state.name()},
                   {"ranges", state.ranges()},
                   {"latest_change", time_json(state.changed_unix_s())}};
  if (state.has_followed()) {
    const v1::FollowedFeed& followed = state.followed();
    out["followed"] = {{"file", followed.path()},
                       {"format", followed.format()},
                       {"treatment", treatment_name(followed.treatment())},
                       {"every_s", followed.every_s()},
                       {"read", time_json(followed.read_unix_s())},
                       {"imported", time_json(followed.imported_unix_s())},
                       {"published", time_json(followed.published_unix_s())},
                       {"entries", followed.entries()},
                       {"problem", followed.problem()}};
  }
  return out;
}

ordered_json to_json(const v1::ListSignaturesReply& reply) {
  ordered_json out{{"sets", ordered_json::array()},
                   {"assignments", ordered_json::array()},
                   {"past", ordered_json::array()}};
  for (const auto& set : reply.sets()) {
    out["sets"].push_back({{"name", set.name()},
                           {"digest", set.digest()},
                           {"sha256", set.sha256()},
                           {"bytes", set.bytes()},
                           {"rules", set.rules()},
                           {"signed_by", set.signed_by()},
                           {"author", set.author()},
                           {"stored", utc_time(set.stored_unix_s())}});
  }
  const auto digest = [&](const std::string& sha256) {
    const auto set = std::ranges::find(reply.sets(), sha256, &v1::StoredSignatures::sha256);
    return set == reply.sets().end() ? ordered_json() : ordered_json(set->digest());
  };
  for (const auto& row : reply.assignments())
    out["assignments"].push_back(
        {{"gate", row.gate().empty() ? ordered_json() : ordered_json(row.gate())},
         {"set", digest(row.set())},
         {"shadow", digest(row.shadow())}});
  for (const std::string& sha256 : reply.past()) out["past"].push_back(digest(sha256));
  return out;
}

ordered_json to_json(const v1::LoadSignaturesReply& reply) {
  ordered_json out{
      {"order", reply.number()},
      {"set", reply.has_set() ? ordered_json(reply.set().name()) : ordered_json()},
      {"digest", reply.has_set() ? ordered_json(reply.set().digest()) : ordered_json()},
      {"withdrawn", reply.withdrawn()},
      {"gates", ordered_json::array()}};
  for (const auto& gate : reply.gates()) {
    out["gates"].push_back(
        {{"gate", gate.gate()},
         {"in_force", gate.in_force()},
         {"refused", gate.refused().empty() ? ordered_json() : ordered_json(gate.refused())},
         {"load_ms", gate.load_ms()}});
  }
  return out;
}

ordered_json to_json(const v1::ExplainReply& reply, const std::string& address) {
  const std::string fallback(treatment_name(reply.default_treatment()));
  return {{"address", address},
          {"treatment", reply.has_in_force()
                            ? ordered_json(treatment_name(reply.in_force().treatment()))
                            : ordered_json(fallback)},
          {"held_by", reply.has_in_force() ? to_json(reply.in_force()) : ordered_json()},
          {"chain", rows_json(reply.chain())},
          {"parts", rows_json(reply.parts())},
          {"default", fallback}};
}

}  // namespace postern::channel
