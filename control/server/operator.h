// What operators ask of the control process (control/channel/operator.proto).
#pragma once

#include <mutex>
#include <string>

#include "control/channel/operator.grpc.pb.h"
#include "control/ledger/ledger.h"
#include "control/server/feed_imports.h"
#include "control/server/gates.h"
#include "control/server/signature_store.h"
#include "control/server/verdict_changes.h"

namespace postern::server {

// The control process, as `postern status` shows it.
struct Identity {
  std::string software = {};
  std::string allocator = {};
  uint64_t started_unix_s = 0;
};

// Any thread. A request that makes no sense is INVALID_ARGUMENT with a text that says what would;
// what is not there is NOT_FOUND; a ledger that fails is INTERNAL with the ledger's text.
class Operator final : public channel::v1::Operator::Service {
 public:
  // All but the identity must outlive it.
  Operator(ledger::Ledger& ledger, Gates& gates, VerdictChanges& changes,
           SignatureStore& signatures, FeedImports& feeds, Identity identity)
      : ledger_(ledger),
        gates_(gates),
        changes_(changes),
        signatures_(signatures),
        feeds_(feeds),
        identity_(std::move(identity)) {}

  grpc::Status SetVerdict(grpc::ServerContext*, const channel::v1::SetVerdictRequest* request,
                          channel::v1::ChangeReply* reply) override;
  grpc::Status ClearVerdict(grpc::ServerContext*, const channel::v1::ClearVerdictRequest* request,
                            channel::v1::ChangeReply* reply) override;
  grpc::Status ListVerdicts(grpc::ServerContext*, const channel::v1::ListVerdictsRequest* request,
                            channel::v1::ListVerdictsReply* reply) override;
  grpc::Status ShowVerdict(grpc::ServerContext*, const channel::v1::ShowVerdictRequest* request,
                           channel::v1::ShowVerdictReply* reply) override;
  grpc::Status Explain(grpc::ServerContext*, const channel::v1::ExplainRequest* request,
                       channel::v1::ExplainReply* reply) override;
  grpc::Status ImportFeed(grpc::ServerContext*, const channel::v1::ImportFeedRequest* request,
                          channel::v1::ImportFeedReply* reply) override;
  grpc::Status FollowFeed(grpc::ServerContext*, const channel::v1::FollowFeedRequest* request,
                          channel::v1::FollowFeedReply*) override;
  grpc::Status LeaveFeed(grpc::ServerContext*, const channel::v1::LeaveFeedRequest* request,
                         channel::v1::LeaveFeedReply*) override;
  grpc::Status ListFeeds(grpc::ServerContext*, const channel::v1::ListFeedsRequest*,
                         channel::v1::ListFeedsReply* reply) override;
  grpc::Status ListEvents(grpc::ServerContext*, const channel::v1::ListEventsRequest* request,
                          channel::v1::ListEventsReply* reply) override;
  grpc::Status Status(grpc::ServerContext*, const channel::v1::StatusRequest* request,
                      channel::v1::StatusReply* reply) override;
  grpc::Status PutSignatures(grpc::ServerContext*,
                             grpc::ServerReader<channel::v1::SignaturePiece>* pieces,
                             channel::v1::StoredSignatures* stored) override;
  grpc::Status LoadSignatures(grpc::ServerContext*,
                              const channel::v1::LoadSignaturesRequest* request,
                              channel::v1::LoadSignaturesReply* reply) override;
  grpc::Status ListSignatures(grpc::ServerContext*, const channel::v1::ListSignaturesRequest*,
                              channel::v1::ListSignaturesReply* reply) override;
  grpc::Status CompareShadow(grpc::ServerContext*, const channel::v1::CompareShadowRequest* request,
                             channel::v1::CompareShadowReply* reply) override;

 private:
  // Writes the change, has it sent, and waits a moment for the data planes.
  grpc::Status make(const ledger::Change& change, channel::v1::ChangeReply* reply);

  ledger::Ledger& ledger_;
  Gates& gates_;
  VerdictChanges& changes_;
  SignatureStore& signatures_;
  FeedImports& feeds_;
  std::mutex load_mutex_;  // one load at a time: it may be withdrawn
  const Identity identity_;
};

}  // namespace postern::server
