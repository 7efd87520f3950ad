#include <algorithm>

#include "control/server/answers.h"
#include "control/server/case_desk.h"
#include "control/server/clock.h"
#include "control/server/in_force.h"
#include "control/server/wire.h"

namespace postern::server {
namespace {

constexpr uint32_t kUsualSenders = 50;
constexpr uint32_t kMostSenders = 10'000;
constexpr uint32_t kMostOfSender = 1'000;
constexpr uint64_t kDay_s = 86'400;

channel::v1::SenderCounts to_wire(const ledger::SenderCounts& counts) {
  channel::v1::SenderCounts out;
  out.set_messages(counts.messages);
  out.set_forwarded(counts.forwarded);
  out.set_refused_spam(counts.refused_spam);
  out.set_refused_blocked(counts.refused_blocked);
  out.set_deferred(counts.deferred);
  out.set_recipients(counts.recipients);
  out.set_rejected(counts.rejected);
  out.set_null_senders(counts.null_senders);
  out.set_failed_logins(counts.failed_logins);
  out.set_bytes(counts.bytes);
  return out;
}

void add(ledger::SenderCounts& sum, const ledger::SenderCounts& more) {
  sum.messages += more.messages;
  sum.forwarded += more.forwarded;
  sum.refused_spam += more.refused_spam;
  sum.refused_blocked += more.refused_blocked;
  sum.deferred += more.deferred;
  sum.recipients += more.recipients;
  sum.rejected += more.rejected;
  sum.null_senders += more.null_senders;
  sum.failed_logins += more.failed_logins;
  sum.bytes += more.bytes;
}

}  // namespace

ledger::Result<channel::v1::Sender> CaseDesk::sender(const IpAddress& address,
                                                     const ledger::SenderCounts& counts) {
  channel::v1::Sender out;
  out.set_address(address.to_string());
  *out.mutable_counts() = to_wire(counts);
  const auto owner = ledger_.customers().owner_of(address);
  if (!owner) return std::unexpected(owner.error());
  if (*owner) out.set_customer((*owner)->name);
  const auto verdicts = verdicts_in_force(ledger_, gates_, address);
  if (!verdicts) return std::unexpected(verdicts.error());
  if (verdicts->strictest) *out.mutable_in_force() = to_entry(*verdicts->strictest);
  const auto open = ledger_.cases().list(
      {.only_unclosed = true, .within = IpPrefix::host(address), .limit = kMostOfSender});
  if (!open) return std::unexpected(open.error());
  const auto whole = std::ranges::find_if(
      *open, [](const ledger::Case& about) { return about.subject.part.empty(); });
  if (whole != open->end()) {
    out.set_open_case(whole->reference.number);
  } else if (!open->empty()) {
    out.set_open_case(open->front().reference.number);
  }
  return out;
}

grpc::Status CaseDesk::ListSenders(grpc::ServerContext*,
                                   const channel::v1::ListSendersRequest* request,
                                   channel::v1::ListSendersReply* reply) {
  using ledger::SenderOrder;
  constexpr std::pair<std::string_view, SenderOrder> kOrders[] = {
      {"", SenderOrder::kMessages},
      {"messages", SenderOrder::kMessages},
      {"spam", SenderOrder::kSpam},
      {"address", SenderOrder::kAddress}};
  const auto* order = std::ranges::find(kOrders, std::string_view(request->order()),
                                        &std::pair<std::string_view, SenderOrder>::first);
  if (order == std::end(kOrders)) return invalid("the order is messages, spam or address");
  std::optional<IpPrefix> within;
  if (!request->within().empty()) {
    const auto prefix = IpPrefix::parse(request->within());
    if (!prefix) return invalid(prefix.error());
    within = *prefix;
  }
  const uint64_t since = request->since_unix_s() != 0 ? request->since_unix_s() : unix_s() - kDay_s;
  const uint32_t limit =
      std::min(request->limit() == 0 ? kUsualSenders : request->limit(), kMostSenders);
  const auto sums = ledger_.senders().since(since, order->second, within, limit);
  if (!sums) return broken(sums.error());
  for (const ledger::SenderSum& sum : *sums) {
    auto row = sender(sum.sender, sum.counts);
    if (!row) return broken(row.error());
    *reply->add_senders() = std::move(*row);
  }
  reply->set_since_unix_s(since);
  return grpc::Status::OK;
}

grpc::Status CaseDesk::ShowSender(grpc::ServerContext*,
                                  const channel::v1::ShowSenderRequest* request,
                                  channel::v1::ShowSenderReply* reply) {
  const auto address = IpAddress::parse(request->address());
  if (!address) return invalid(address.error());
  const uint64_t since =
      request->since_unix_s() != 0 ? request->since_unix_s() : unix_s() - 7 * kDay_s;
  const auto hours = ledger_.senders().hours_of(IpPrefix::host(*address), since);
  if (!hours) return broken(hours.error());
  ledger::SenderCounts sum;
  for (const ledger::SenderHour& hour : *hours) {
    add(sum, hour.counts);
    channel::v1::SenderHour& row = *reply->add_hours();
    row.set_hour_unix_s(hour.hour_unix_s);
    *row.mutable_counts() = to_wire(hour.counts);
  }
  auto found = sender(*address, sum);
  if (!found) return broken(found.error());
  *reply->mutable_sender() = std::move(*found);
  const auto cases =
      ledger_.cases().list({.within = IpPrefix::host(*address), .limit = kMostOfSender});
  if (!cases) return broken(cases.error());
  for (const ledger::Case& about : *cases) {
    auto row = summary(about);
    if (!row) return broken(row.error());
    *reply->add_cases() = std::move(*row);
  }
  return grpc::Status::OK;
}

}  // namespace postern::server
