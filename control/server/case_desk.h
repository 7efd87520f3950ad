// Customers, senders and cases, as people and programs ask about them
// (control/channel/cases.proto).
#pragma once

#include <chrono>
#include <expected>
#include <string>

#include "control/cases/case_link.h"
#include "control/cases/restoration.h"
#include "control/channel/cases.grpc.pb.h"
#include "control/ledger/ledger.h"
#include "control/server/gates.h"

namespace postern::server {

// The page that a case's link leads to.
struct CasePage {
  std::string url = {};  // what stands before the token: "https://relay.example/c/"; empty: none
  std::chrono::seconds link_good_for = std::chrono::days(14);
};

// Any thread.
class CaseDesk final : public channel::v1::CaseDesk::Service {
 public:
  // The first three must outlive it.
  CaseDesk(ledger::Ledger& ledger, const Gates& gates, cases::Restoration& restoration,
           const cases::CaseLinks& links, CasePage page)
      : ledger_(ledger),
        gates_(gates),
        restoration_(restoration),
        links_(links),
        page_(std::move(page)) {}

  // A link to the case's page, good for as long as configured from now on; empty when no page is
  // configured.
  std::string link_to(CaseReference reference) const;

  // case_desk_customers.cc
  grpc::Status PutCustomer(grpc::ServerContext*, const channel::v1::PutCustomerRequest* request,
                           channel::v1::Customer* reply) override;
  grpc::Status RemoveCustomer(grpc::ServerContext*,
                              const channel::v1::RemoveCustomerRequest* request,
                              channel::v1::RemoveCustomerReply*) override;
  grpc::Status ListCustomers(grpc::ServerContext*, const channel::v1::ListCustomersRequest*,
                             channel::v1::ListCustomersReply* reply) override;
  grpc::Status ShowCustomer(grpc::ServerContext*, const channel::v1::ShowCustomerRequest* request,
                            channel::v1::Customer* reply) override;
  grpc::Status ListAudit(grpc::ServerContext*, const channel::v1::ListAuditRequest* request,
                         channel::v1::ListAuditReply* reply) override;

  // case_desk_senders.cc
  grpc::Status ListSenders(grpc::ServerContext*, const channel::v1::ListSendersRequest* request,
                           channel::v1::ListSendersReply* reply) override;
  grpc::Status ShowSender(grpc::ServerContext*, const channel::v1::ShowSenderRequest* request,
                          channel::v1::ShowSenderReply* reply) override;

  // case_desk.cc
  grpc::Status ListCases(grpc::ServerContext*, const channel::v1::ListCasesRequest* request,
                         channel::v1::ListCasesReply* reply) override;
  grpc::Status ShowCase(grpc::ServerContext*, const channel::v1::ShowCaseRequest* request,
                        channel::v1::ShowCaseReply* reply) override;
  grpc::Status NoteCase(grpc::ServerContext*, const channel::v1::CaseRequest* request,
                        channel::v1::CaseReply* reply) override;
  grpc::Status CloseCase(grpc::ServerContext*, const channel::v1::CaseRequest* request,
                         channel::v1::CaseReply* reply) override;
  grpc::Status PasswordChanged(grpc::ServerContext*, const channel::v1::CaseRequest* request,
                               channel::v1::CaseReply* reply) override;
  grpc::Status RequestRestoration(grpc::ServerContext*, const channel::v1::CaseRequest* request,
                                  channel::v1::CaseReply* reply) override;
  grpc::Status RestoreCase(grpc::ServerContext*, const channel::v1::RestoreCaseRequest* request,
                           channel::v1::RestoreCaseReply* reply) override;
  grpc::Status LinkCase(grpc::ServerContext*, const channel::v1::LinkCaseRequest* request,
                        channel::v1::LinkCaseReply* reply) override;
  grpc::Status OpenCaseLink(grpc::ServerContext*, const channel::v1::OpenCaseLinkRequest* request,
                            channel::v1::OpenCaseLinkReply* reply) override;

 private:
  using CaseChange = ledger::Result<void> (cases::Restoration::*)(CaseReference,
                                                                  const std::string& author,
                                                                  const std::string& text,
                                                                  uint64_t now_unix_s);
  grpc::Status change(const channel::v1::CaseRequest& request, CaseChange change,
                      channel::v1::CaseReply* reply);
  // Empty when there is no such customer any more.
  ledger::Result<std::string> customer_name(uint64_t id);
  ledger::Result<channel::v1::CaseSummary> summary(const ledger::Case& about);
  ledger::Result<channel::v1::Sender> sender(const IpAddress& address,
                                             const ledger::SenderCounts& counts);
  std::expected<ledger::Case, grpc::Status> find(uint64_t reference);

  ledger::Ledger& ledger_;
  const Gates& gates_;
  cases::Restoration& restoration_;
  const cases::CaseLinks links_;
  const CasePage page_;
};

}  // namespace postern::server
