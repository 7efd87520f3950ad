// The service NotifyDesk (control/channel/notify.proto).
#pragma once

#include "control/channel/notify.grpc.pb.h"
#include "control/notify/notifier.h"

namespace postern::server {

class NotifyDesk final : public channel::v1::NotifyDesk::Service {
 public:
  // `notifier` must outlive it.
  explicit NotifyDesk(notify::Notifier& notifier) : notifier_(notifier) {}

  grpc::Status ListNotices(grpc::ServerContext*, const channel::v1::ListNoticesRequest* request,
                           channel::v1::ListNoticesReply* reply) override;
  grpc::Status RetryNotices(grpc::ServerContext*, const channel::v1::RetryNoticesRequest* request,
                            channel::v1::RetryNoticesReply* reply) override;
  grpc::Status TestNotice(grpc::ServerContext*, const channel::v1::TestNoticeRequest* request,
                          channel::v1::TestNoticeReply* reply) override;
  grpc::Status PreviewNotices(grpc::ServerContext*,
                              const channel::v1::PreviewNoticesRequest* request,
                              channel::v1::PreviewNoticesReply* reply) override;

 private:
  notify::Notifier& notifier_;
};

}  // namespace postern::server
