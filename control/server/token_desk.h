// Tokens for the API and the console, as people ask about them (control/channel/tokens.proto).
#pragma once

#include "control/channel/tokens.grpc.pb.h"
#include "control/ledger/ledger.h"

namespace postern::server {

// Any thread.
class TokenDesk final : public channel::v1::TokenDesk::Service {
 public:
  // The ledger must outlive it.
  explicit TokenDesk(ledger::Ledger& ledger) : ledger_(ledger) {}

  grpc::Status AddToken(grpc::ServerContext*, const channel::v1::AddTokenRequest* request,
                        channel::v1::AddTokenReply* reply) override;
  grpc::Status ListTokens(grpc::ServerContext*, const channel::v1::ListTokensRequest*,
                          channel::v1::ListTokensReply* reply) override;
  grpc::Status RevokeToken(grpc::ServerContext*, const channel::v1::RevokeTokenRequest* request,
                           channel::v1::RevokeTokenReply*) override;

 private:
  ledger::Ledger& ledger_;
};

}  // namespace postern::server
