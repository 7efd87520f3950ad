// The inbound guard, as people and programs ask for it (control/channel/guard.proto).
#pragma once

#include "control/channel/guard.grpc.pb.h"
#include "control/ledger/ledger.h"
#include "control/server/gates.h"
#include "control/server/verdict_changes.h"

namespace postern::server {

// Any thread. Says what is wrong as Operator does.
class GuardDesk final : public channel::v1::GuardDesk::Service {
 public:
  // All must outlive it.
  GuardDesk(ledger::Ledger& ledger, Gates& gates, VerdictChanges& changes)
      : ledger_(ledger), gates_(gates), changes_(changes) {}

  grpc::Status AddGuard(grpc::ServerContext*, const channel::v1::AddGuardRequest* request,
                        channel::v1::ChangeReply* reply) override;
  grpc::Status RemoveGuard(grpc::ServerContext*, const channel::v1::RemoveGuardRequest* request,
                           channel::v1::ChangeReply* reply) override;
  grpc::Status ListGuards(grpc::ServerContext*, const channel::v1::ListGuardsRequest*,
                          channel::v1::ListGuardsReply* reply) override;

 private:
  grpc::Status make(const ledger::Change& change, channel::v1::ChangeReply* reply);

  ledger::Ledger& ledger_;
  Gates& gates_;
  VerdictChanges& changes_;
};

}  // namespace postern::server
