#include "control/server/guard_desk.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "control/channel/treatment.h"
#include "control/ledger/all_verdicts.h"
#include "control/server/answers.h"
#include "control/server/clock.h"
#include "control/server/wire.h"

namespace postern::server {
namespace {

using channel::v1::SWITCH_INBOUND_GUARD;
using channel::v1::SWITCH_INBOUND_SOURCE;
using ledger::Treatment;

ledger::VerdictKey key_of(const IpPrefix& prefix, bool source) {
  return {prefix, source ? SWITCH_INBOUND_SOURCE : SWITCH_INBOUND_GUARD};
}

// An exception says the contrary of what it is excepted from.
Treatment treatment_of(const channel::v1::AddGuardRequest& request) {
  if (request.source() != request.except()) return Treatment::TREATMENT_PASS;
  return request.drop() ? Treatment::TREATMENT_DROP : Treatment::TREATMENT_REFUSE;
}

template <typename Request>
std::string objection_to_words(const Request& request) {
  std::string objection = objection_to("reason", request.reason());
  return objection.empty() ? objection_to("author", request.author()) : objection;
}

}  // namespace

grpc::Status GuardDesk::make(const ledger::Change& change, channel::v1::ChangeReply* reply) {
  const auto version = changes_.apply({&change, 1});
  if (!version) return broken(version.error());
  const ledger::Verdict& verdict = change.verdict;
  spdlog::info("version {}: {} {} {} by {}: {}", *version, channel::switch_name(verdict.of),
               change.action == ledger::Action::kSet ? channel::treatment_name(verdict.treatment)
                                                     : "cleared",
               verdict.prefix.to_string(), verdict.author, verdict.reason);
  const Gates::InForce known = gates_.wait_until_in_force(*version, kPatience);
  reply->set_version(*version);
  reply->set_attached(known.attached);
  reply->set_in_force(known.in_force);
  return grpc::Status::OK;
}

grpc::Status GuardDesk::AddGuard(grpc::ServerContext*, const channel::v1::AddGuardRequest* request,
                                 channel::v1::ChangeReply* reply) {
  const auto prefix = IpPrefix::parse(request->prefix());
  if (!prefix) return invalid(prefix.error());
  if (const auto objection = objection_to_words(*request); !objection.empty())
    return invalid(objection);
  if (request->drop() && (request->source() || request->except()))
    return invalid("drop says what becomes of who is not listed: it goes with a guarded prefix");
  if (request->for_seconds() > kLongestTime_s)
    return invalid("a guard can hold for a hundred years at most");
  const ledger::VerdictKey key = key_of(*prefix, request->source());
  // Rounded up: it holds no shorter than was asked.
  const uint64_t expires =
      request->for_seconds() == 0 ? 0 : (unix_ms() + 999) / 1000 + request->for_seconds();
  const ledger::Verdict verdict{.prefix = *prefix,
                                .treatment = treatment_of(*request),
                                .reason = request->reason(),
                                .author = request->author(),
                                .set_unix_s = unix_s(),
                                .expires_unix_s = expires,
                                .of = key.of};
  *reply->mutable_entry() = to_entry(verdict);
  return make({ledger::Action::kSet, verdict}, reply);
}

grpc::Status GuardDesk::RemoveGuard(grpc::ServerContext*,
                                    const channel::v1::RemoveGuardRequest* request,
                                    channel::v1::ChangeReply* reply) {
  const auto prefix = IpPrefix::parse(request->prefix());
  if (!prefix) return invalid(prefix.error());
  if (const auto objection = objection_to_words(*request); !objection.empty())
    return invalid(objection);
  const ledger::VerdictKey key = key_of(*prefix, request->source());
  const auto present = ledger_.verdict_on(key);
  if (!present) return broken(present.error());
  if (!present->has_value()) {
    return {grpc::StatusCode::NOT_FOUND,
            fmt::format("{} says nothing of exactly {}", channel::switch_name(key.of),
                        prefix->to_string())};
  }
  *reply->mutable_entry() = to_entry(**present);
  return make({ledger::Action::kClear,
               {.prefix = *prefix,
                .reason = request->reason(),
                .author = request->author(),
                .set_unix_s = unix_s(),
                .of = key.of}},
              reply);
}

grpc::Status GuardDesk::ListGuards(grpc::ServerContext*, const channel::v1::ListGuardsRequest*,
                                   channel::v1::ListGuardsReply* reply) {
  reply->set_version(ledger_.version().number);
  const auto all = ledger::for_each_verdict(ledger_, [&](const ledger::Verdict& verdict) {
    if (verdict.of == SWITCH_INBOUND_GUARD) *reply->add_guards() = to_entry(verdict);
    if (verdict.of == SWITCH_INBOUND_SOURCE) *reply->add_sources() = to_entry(verdict);
  });
  if (!all) return broken(all.error());
  return grpc::Status::OK;
}

}  // namespace postern::server
