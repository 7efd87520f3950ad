#include "control/server/notify_desk.h"

#include <fmt/format.h>

#include "control/notify/happenings.h"
#include "control/notify/mail_text.h"
#include "control/server/answers.h"
#include "control/transfer/url.h"

namespace postern::server {
namespace {

using namespace channel::v1;

constexpr uint32_t kListed = 100, kMostNotices = 10'000;

void describe(const ledger::OutboxMessage& message, Notice* out) {
  const auto url = transfer::read_url(message.to);
  out->set_id(message.id);
  out->set_reference(message.reference.number);
  out->set_audience(std::string(ledger::kAudienceNames[static_cast<size_t>(message.audience)]));
  out->set_customer(message.customer);
  out->set_channel(std::string(ledger::kOutboxChannelNames[static_cast<size_t>(message.channel)]));
  out->set_to(url ? url->without_secrets : notify::one_line(message.to));
  out->set_identity(message.identity);
  out->set_what(message.what);
  out->set_created_unix_s(message.created_unix_s);
  out->set_attempts(message.attempts);
  out->set_next_attempt_unix_s(message.next_attempt_unix_s);
  out->set_last_error(message.last_error);
  out->set_delivered_unix_s(message.delivered_unix_s);
  out->set_given_up_unix_s(message.given_up_unix_s);
  out->set_message(message.message);
}

}  // namespace

grpc::Status NotifyDesk::ListNotices(grpc::ServerContext*, const ListNoticesRequest* request,
                                     ListNoticesReply* reply) {
  const uint32_t limit = request->limit() == 0 ? kListed : std::min(request->limit(), kMostNotices);
  const auto listed = notifier_.outbox().list({.reference = {request->reference()},
                                               .only_waiting = request->only_waiting(),
                                               .limit = limit});
  if (!listed) return broken(listed.error());
  for (const ledger::OutboxMessage& message : *listed) describe(message, reply->add_notices());
  const auto happenings = notifier_.outbox().happenings();
  if (!happenings) return broken(happenings.error());
  reply->set_untold(static_cast<uint32_t>(happenings->size()));
  return grpc::Status::OK;
}

grpc::Status NotifyDesk::RetryNotices(grpc::ServerContext*, const RetryNoticesRequest* request,
                                      RetryNoticesReply* reply) {
  const uint64_t now = notifier_.now();
  const auto due = notifier_.outbox().retry(request->id(), now);
  if (!due) return broken(due.error());
  if (*due == 0 && request->id() != 0) {
    return {grpc::StatusCode::NOT_FOUND,
            fmt::format("no notice {} waits or was given up", request->id())};
  }
  reply->set_due(static_cast<uint32_t>(*due));
  notifier_.look(now);
  return grpc::Status::OK;
}

grpc::Status NotifyDesk::TestNotice(grpc::ServerContext*, const TestNoticeRequest* request,
                                    TestNoticeReply* reply) {
  const auto url = transfer::read_url(request->to());
  if (!url && !notify::is_mail_address(request->to()))
    return invalid("expected an e-mail address, or a webhook's https:// URL");
  const notify::Delivery sent = notifier_.test(request->to());
  if (!sent.done) return {grpc::StatusCode::FAILED_PRECONDITION, sent.text};
  const notify::Settings& settings = notifier_.settings();
  reply->set_way(url                               ? url->without_secrets
                 : settings.submission.url.empty() ? settings.spool.string()
                                                   : settings.submission.url);
  return grpc::Status::OK;
}

grpc::Status NotifyDesk::PreviewNotices(grpc::ServerContext*, const PreviewNoticesRequest* request,
                                        PreviewNoticesReply* reply) {
  const std::string what = request->what().empty() ? "opened" : request->what();
  if (notify::find_happening(what) == nullptr) {
    std::string names;
    for (const notify::HappeningKind& kind : notify::kHappenings)
      names += fmt::format("{}{}", names.empty() ? "" : ", ", kind.what);
    return invalid(fmt::format("nobody is told of '{}'; they are of {}", what, names));
  }
  const auto shown = notifier_.preview({request->reference()}, what);
  if (!shown) return broken(shown.error());
  if (!*shown) return {grpc::StatusCode::NOT_FOUND, "there is no such case"};
  for (const ledger::OutboxMessage& message : **shown) describe(message, reply->add_notices());
  return grpc::Status::OK;
}

}  // namespace postern::server
