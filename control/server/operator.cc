#include "control/server/operator.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <expected>

#include "control/channel/treatment.h"
#include "control/server/answers.h"
#include "control/server/clock.h"
#include "control/server/in_force.h"
#include "control/server/wire.h"

namespace postern::server {
namespace {

using grpc::StatusCode;

constexpr uint32_t kMostMessagesPerMinute = 1'000'000;
constexpr uint32_t kUsualEvents = 50;
constexpr uint32_t kMostEvents = 10'000;

// The part that a request to change `of` is about.
template <typename Request>
std::expected<ledger::Part, std::string> part_asked_for(const Request& request) {
  auto part = ledger::Part::parse(request.part());
  if (part && !part->is_whole() && request.of() != channel::v1::SWITCH_SMORF_BLOCK) {
    return std::unexpected("only the switch smorf-block can be on a part of a sender's mail");
  }
  return part;
}

std::expected<ledger::Verdict, std::string> verdict_asked_for(
    const channel::v1::SetVerdictRequest& request) {
  const auto prefix = IpPrefix::parse(request.prefix());
  if (!prefix) return std::unexpected(prefix.error());
  if (channel::name_in(channel::kTreatments, request.treatment()).empty()) {
    return std::unexpected("a treatment is needed: pass, inspect, throttle, hold, refuse or drop");
  }
  const bool throttle = request.treatment() == channel::v1::TREATMENT_THROTTLE;
  if (throttle && (request.messages_per_minute() == 0 ||
                   request.messages_per_minute() > kMostMessagesPerMinute)) {
    return std::unexpected(fmt::format("throttle needs a rate: from 1 to {} messages a minute",
                                       kMostMessagesPerMinute));
  }
  if (!throttle && request.messages_per_minute() != 0) {
    return std::unexpected(fmt::format("a rate goes with throttle only, not with {}",
                                       channel::treatment_name(request.treatment())));
  }
  for (const auto& [what, text] :
       {std::pair{"reason", request.reason()}, std::pair{"author", request.author()}}) {
    if (std::string objection = objection_to(what, text); !objection.empty())
      return std::unexpected(objection);
  }
  if (request.for_seconds() > kLongestTime_s)
    return std::unexpected("a verdict can hold for a hundred years at most");
  if (request.case_reference() > CaseReference::kMask)
    return std::unexpected("a case reference has 50 bits");
  if (!channel::v1::StartTls_IsValid(request.starttls()))
    return std::unexpected("starttls is policy, allow or mask");
  if (channel::switch_name(request.of()).empty())
    return std::unexpected(
        "the switch is treatment, trusted-relay, smorf-block or range-exclusion");
  if (request.of() != channel::v1::SWITCH_TREATMENT &&
      request.starttls() != channel::v1::START_TLS_AS_POLICY) {
    return std::unexpected("what becomes of STARTTLS is the treatment's business, not a switch's");
  }
  const auto part = part_asked_for(request);
  if (!part) return std::unexpected(part.error());
  if (!part->is_whole() && request.treatment() != channel::v1::TREATMENT_HOLD &&
      request.treatment() != channel::v1::TREATMENT_REFUSE) {
    return std::unexpected("a part of a sender's mail can be held or refused, nothing else");
  }
  // Rounded up: a verdict holds no shorter than was asked.
  const uint64_t expires =
      request.for_seconds() == 0 ? 0 : (unix_ms() + 999) / 1000 + request.for_seconds();
  return ledger::Verdict{.prefix = *prefix,
                         .treatment = request.treatment(),
                         .messages_per_minute = request.messages_per_minute(),
                         .case_reference = {request.case_reference()},
                         .reason = request.reason(),
                         .author = request.author(),
                         .set_unix_s = unix_s(),
                         .expires_unix_s = expires,
                         .starttls = request.starttls(),
                         .of = request.of(),
                         .part = *part};
}

// "192.0.2.7", and of a part "192.0.2.7 user:bob".
std::string sender_text(const ledger::VerdictKey& key) {
  if (key.part.is_whole()) return key.prefix.to_string();
  return fmt::format("{} {}", key.prefix.to_string(), key.part.to_string());
}

}  // namespace

grpc::Status Operator::make(const ledger::Change& change, channel::v1::ChangeReply* reply) {
  const auto version = changes_.apply({&change, 1});
  if (!version) return broken(version.error());
  const ledger::Verdict& verdict = change.verdict;
  spdlog::info("version {}: {} {} {} by {}: {}", *version, channel::switch_name(verdict.of),
               change.action == ledger::Action::kSet ? channel::treatment_name(verdict.treatment)
                                                     : "cleared",
               sender_text(verdict.key()), verdict.author, verdict.reason);
  const Gates::InForce known = gates_.wait_until_in_force(*version, kPatience);
  reply->set_version(*version);
  reply->set_attached(known.attached);
  reply->set_in_force(known.in_force);
  return grpc::Status::OK;
}

grpc::Status Operator::SetVerdict(grpc::ServerContext*,
                                  const channel::v1::SetVerdictRequest* request,
                                  channel::v1::ChangeReply* reply) {
  auto verdict = verdict_asked_for(*request);
  if (!verdict) return invalid(verdict.error());
  if (channel::is_restriction(verdict->treatment) && !verdict->case_reference) {
    const auto present = ledger_.verdict_on(verdict->key());
    if (!present) return broken(present.error());
    if (present->has_value()) verdict->case_reference = (*present)->case_reference;
    if (!verdict->case_reference) verdict->case_reference = new_case_reference();
  }
  *reply->mutable_entry() = to_entry(*verdict);
  return make({ledger::Action::kSet, *verdict}, reply);
}

grpc::Status Operator::ClearVerdict(grpc::ServerContext*,
                                    const channel::v1::ClearVerdictRequest* request,
                                    channel::v1::ChangeReply* reply) {
  const auto prefix = IpPrefix::parse(request->prefix());
  if (!prefix) return invalid(prefix.error());
  for (const auto& [what, text] :
       {std::pair{"reason", request->reason()}, std::pair{"author", request->author()}}) {
    if (std::string objection = objection_to(what, text); !objection.empty())
      return invalid(objection);
  }
  if (channel::switch_name(request->of()).empty()) return invalid("there is no such switch");
  const auto part = part_asked_for(*request);
  if (!part) return invalid(part.error());
  const ledger::VerdictKey key{*prefix, request->of(), *part};
  const auto present = ledger_.verdict_on(key);
  if (!present) return broken(present.error());
  if (!present->has_value()) {
    std::string hint;
    if (const auto chain = ledger_.verdicts_covering(prefix->address)) {
      const auto wider = std::ranges::find_if(*chain, [&](const ledger::Verdict& verdict) {
        return verdict.of == key.of && verdict.part == key.part &&
               verdict.prefix.length < prefix->length;
      });
      if (wider != chain->end()) {
        hint = fmt::format("; it is covered by the verdict on {}", wider->prefix.to_string());
      }
    }
    return {StatusCode::NOT_FOUND,
            fmt::format("{} says nothing of {}{}", channel::switch_name(key.of), sender_text(key),
                        hint)};
  }
  *reply->mutable_entry() = to_entry(**present);
  return make({ledger::Action::kClear,
               {.prefix = *prefix,
                .reason = request->reason(),
                .author = request->author(),
                .set_unix_s = unix_s(),
                .of = key.of,
                .part = key.part}},
              reply);
}

grpc::Status Operator::ListVerdicts(grpc::ServerContext*,
                                    const channel::v1::ListVerdictsRequest* request,
                                    channel::v1::ListVerdictsReply* reply) {
  reply->set_version(ledger_.version().number);
  std::vector<IpPrefix> within;
  if (request->within().empty()) {
    within = {*IpPrefix::parse("0.0.0.0/0"), *IpPrefix::parse("::/0")};
  } else {
    const auto prefix = IpPrefix::parse(request->within());
    if (!prefix) return invalid(prefix.error());
    within = {*prefix};
  }
  for (const IpPrefix& prefix : within) {
    const auto verdicts = ledger_.verdicts_within(prefix);
    if (!verdicts) return broken(verdicts.error());
    for (const ledger::Verdict& verdict : *verdicts) *reply->add_entries() = to_entry(verdict);
  }
  return grpc::Status::OK;
}

grpc::Status Operator::ShowVerdict(grpc::ServerContext*,
                                   const channel::v1::ShowVerdictRequest* request,
                                   channel::v1::ShowVerdictReply* reply) {
  const auto prefix = IpPrefix::parse(request->prefix());
  if (!prefix) return invalid(prefix.error());
  const auto verdicts = ledger_.verdicts_on(*prefix);
  if (!verdicts) return broken(verdicts.error());
  for (const ledger::Verdict& verdict : *verdicts) *reply->add_entries() = to_entry(verdict);
  const auto history = ledger_.history_of(*prefix);
  if (!history) return broken(history.error());
  for (const ledger::Change& change : *history) {
    channel::v1::HistoryEntry& row = *reply->add_history();
    row.set_action(std::string(ledger::kActionNames[static_cast<size_t>(change.action)]));
    *row.mutable_entry() = to_entry(change.verdict);
  }
  return grpc::Status::OK;
}

grpc::Status Operator::Explain(grpc::ServerContext*, const channel::v1::ExplainRequest* request,
                               channel::v1::ExplainReply* reply) {
  const auto address = IpAddress::parse(request->address());
  if (!address) return invalid(address.error());
  const auto found = verdicts_in_force(ledger_, gates_, *address);
  if (!found) return broken(found.error());
  reply->set_default_treatment(found->default_treatment);
  for (const ledger::Verdict& verdict : found->whole) *reply->add_chain() = to_entry(verdict);
  for (const ledger::Verdict& verdict : found->parts) *reply->add_parts() = to_entry(verdict);
  if (found->strictest) *reply->mutable_in_force() = to_entry(*found->strictest);
  return grpc::Status::OK;
}

grpc::Status Operator::ListEvents(grpc::ServerContext*,
                                  const channel::v1::ListEventsRequest* request,
                                  channel::v1::ListEventsReply* reply) {
  ledger::EventQuery query;
  if (!request->client().empty()) {
    const auto prefix = IpPrefix::parse(request->client());
    if (!prefix) return invalid(prefix.error());
    query.client = *prefix;
  }
  query.case_reference.number = request->case_reference();
  query.outcome = request->outcome();
  query.limit = std::min(request->limit() == 0 ? kUsualEvents : request->limit(), kMostEvents);
  auto events = ledger_.events(query);
  if (!events) return broken(events.error());
  for (channel::v1::Event& event : *events) *reply->add_events() = std::move(event);
  return grpc::Status::OK;
}

grpc::Status Operator::Status(grpc::ServerContext*, const channel::v1::StatusRequest*,
                              channel::v1::StatusReply* reply) {
  const auto totals = ledger_.totals();
  if (!totals) return broken(totals.error());
  const ledger::Version version = ledger_.version();
  reply->set_software(identity_.software);
  reply->set_started_unix_s(identity_.started_unix_s);
  reply->set_allocator(identity_.allocator);
  reply->set_epoch(version.epoch);
  reply->set_version(version.number);
  reply->set_verdicts(totals->verdicts);
  reply->set_events_stored(totals->events);
  reply->set_ledger(ledger_.location());
  for (channel::v1::AttachedDataPlane& gate : gates_.list())
    *reply->add_data_planes() = std::move(gate);
  return grpc::Status::OK;
}

}  // namespace postern::server
