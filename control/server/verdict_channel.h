// The verdict channel's server: one stream per data plane (control/channel/channel.proto).
//
// Theory of operation. A stream has two threads. Its reader takes what the data plane says: answers
// to updates are passed to the writer, events go into the ledger and only then is their
// acknowledgement passed to the writer, reports go to the gates. Its writer alone sends: it sleeps
// until the reader has passed something or a new version was announced, and asks its VerdictFeed
// what is due.
#pragma once

#include <functional>
#include <optional>

#include "control/channel/channel.grpc.pb.h"
#include "control/ledger/ledger.h"
#include "control/server/gates.h"
#include "control/server/remote_settings.h"
#include "control/server/signature_store.h"
#include "control/server/verdict_feed.h"

namespace postern::server {

// Events as they were stored, each batch once.
using Observer = std::function<void(const channel::v1::EventBatch&)>;

class VerdictChannel final : public channel::v1::VerdictChannel::Service {
 public:
  // `remote`: what serves other machines; a gate must then be whom its certificate names.
  VerdictChannel(ledger::Ledger& ledger, Gates& gates, SignatureStore& signatures,
                 Observer observer, FeedLimits limits = {},
                 std::optional<RemoteSettings> remote = {})
      : ledger_(ledger),
        gates_(gates),
        signatures_(signatures),
        observer_(std::move(observer)),
        limits_(limits),
        remote_(std::move(remote)) {}

  grpc::Status Attach(grpc::ServerContext* context,
                      grpc::ServerReaderWriter<channel::v1::ToDataPlane,
                                               channel::v1::FromDataPlane>* stream) override;

 private:
  ledger::Ledger& ledger_;
  Gates& gates_;
  SignatureStore& signatures_;
  const Observer observer_;
  FeedLimits limits_;
  const std::optional<RemoteSettings> remote_;
};

}  // namespace postern::server
