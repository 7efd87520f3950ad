#include "control/server/case_desk.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/cases/subject.h"
#include "control/channel/treatment.h"
#include "control/server/answers.h"
#include "control/server/clock.h"
#include "control/server/wire.h"

namespace postern::server {
namespace {

using grpc::StatusCode;
using ledger::Case;

constexpr uint32_t kUsualCases = 100;
constexpr uint32_t kMostListed = 10'000;
constexpr uint32_t kUsualEvidence = 20;
constexpr uint64_t kLongestLink_s = uint64_t{366} * 86'400;

grpc::Status not_allowed(const std::string& why) { return {StatusCode::FAILED_PRECONDITION, why}; }

// Authors and texts of people. Empty: they will do.
std::string objection_to_note(const std::string& author, const std::string& text,
                              bool text_needed) {
  if (std::string objection = objection_to("author", author); !objection.empty()) return objection;
  if (text.empty() && !text_needed) return "";
  return objection_to("text", text);
}

}  // namespace

ledger::Result<std::string> CaseDesk::customer_name(uint64_t id) {
  if (id == 0) return "";
  const auto customer = ledger_.customers().find(id);
  if (!customer) return std::unexpected(customer.error());
  return *customer ? (*customer)->name : "";
}

ledger::Result<channel::v1::CaseSummary> CaseDesk::summary(const Case& about) {
  auto customer = customer_name(about.customer);
  if (!customer) return std::unexpected(customer.error());
  channel::v1::CaseSummary out;
  out.set_reference(about.reference.number);
  out.set_server(about.subject.server.to_string());
  out.set_part(about.subject.part);
  out.set_subject(cases::describe(about.subject));
  out.set_customer(std::move(*customer));
  out.set_state(std::string(ledger::kCaseStateNames[static_cast<size_t>(about.state)]));
  out.set_step(std::string(ledger::step_name(about.step)));
  out.set_cause(about.cause);
  out.set_opened_unix_s(about.opened_unix_s);
  out.set_changed_unix_s(about.changed_unix_s);
  out.set_closed_unix_s(about.closed_unix_s);
  return out;
}

std::expected<Case, grpc::Status> CaseDesk::find(uint64_t reference) {
  const CaseReference number{reference};
  auto found = ledger_.cases().find(number);
  if (!found) return std::unexpected(broken(found.error()));
  if (!*found) {
    return std::unexpected(grpc::Status(StatusCode::NOT_FOUND,
                                        fmt::format("there is no case {}", number.to_string())));
  }
  return **found;
}

grpc::Status CaseDesk::ListCases(grpc::ServerContext*, const channel::v1::ListCasesRequest* request,
                                 channel::v1::ListCasesReply* reply) {
  ledger::CaseQuery query{.only_unclosed = request->only_unclosed()};
  if (!request->state().empty()) {
    const auto* name = std::ranges::find(ledger::kCaseStateNames, request->state());
    if (name == std::end(ledger::kCaseStateNames))
      return invalid("the state of a case is open, restoring, probation or closed");
    query.state = static_cast<ledger::CaseState>(name - std::begin(ledger::kCaseStateNames));
  }
  if (request->customer() != 0) query.customer = request->customer();
  if (!request->within().empty()) {
    const auto within = IpPrefix::parse(request->within());
    if (!within) return invalid(within.error());
    query.within = *within;
  }
  query.limit = std::min(request->limit() == 0 ? kUsualCases : request->limit(), kMostListed);
  const auto found = ledger_.cases().list(query);
  if (!found) return broken(found.error());
  for (const Case& about : *found) {
    auto row = summary(about);
    if (!row) return broken(row.error());
    *reply->add_cases() = std::move(*row);
  }
  return grpc::Status::OK;
}

grpc::Status CaseDesk::ShowCase(grpc::ServerContext*, const channel::v1::ShowCaseRequest* request,
                                channel::v1::ShowCaseReply* reply) {
  const auto about = find(request->reference());
  if (!about) return about.error();
  auto summed = summary(*about);
  const auto history = ledger_.cases().history(about->reference);
  auto evidence = ledger_.cases().evidence(about->reference);
  const auto verdicts = restoration_.verdicts_of(*about);
  if (!summed) return broken(summed.error());
  if (!history) return broken(history.error());
  if (!evidence) return broken(evidence.error());
  if (!verdicts) return broken(verdicts.error());
  *reply->mutable_summary() = std::move(*summed);
  reply->set_diagnosis(about->diagnosis);
  for (const ledger::CaseEntry& entry : *history) {
    channel::v1::CaseHistoryEntry& row = *reply->add_history();
    row.set_at_unix_s(entry.at_unix_s);
    row.set_author(entry.author);
    row.set_action(entry.action);
    row.set_text(entry.text);
  }
  const size_t wanted = request->evidence() == 0 ? kUsualEvidence : request->evidence();
  reply->set_evidence_kept(static_cast<uint32_t>(evidence->size()));
  for (size_t i = evidence->size() - std::min(wanted, evidence->size()); i < evidence->size();
       ++i) {
    channel::v1::CaseEvidence& row = *reply->add_evidence();
    row.set_id((*evidence)[i].id);
    row.set_why((*evidence)[i].why);
    *row.mutable_event() = std::move((*evidence)[i].event);
  }
  for (const ledger::Verdict& verdict : *verdicts) *reply->add_verdicts() = to_entry(verdict);
  const cases::RestorationRecord record = cases::read_record(about->marks);
  if (record.request) {
    reply->set_requested_by(record.request->by);
    reply->set_requested_unix_s(record.request->at_unix_s);
  }
  if (about->state == ledger::CaseState::kClosed) return grpc::Status::OK;
  const auto marks = restoration_.marks(*about, unix_s());
  if (!marks) return broken(marks.error());
  for (const cases::Mark& mark : *marks) {
    channel::v1::CaseMark& row = *reply->add_marks();
    row.set_kind(std::string(cases::kMarkNames[static_cast<size_t>(mark.kind)]));
    row.set_green(mark.green);
    row.set_text(mark.text);
    row.set_since_unix_s(mark.since_unix_s);
  }
  return grpc::Status::OK;
}

grpc::Status CaseDesk::change(const channel::v1::CaseRequest& request, CaseChange change,
                              channel::v1::CaseReply* reply) {
  if (std::string objection = objection_to_note(request.author(), request.text(), false);
      !objection.empty())
    return invalid(objection);
  const auto about = find(request.reference());
  if (!about) return about.error();
  if (const auto done =
          (restoration_.*change)(about->reference, request.author(), request.text(), unix_s());
      !done)
    return not_allowed(done.error());
  const auto now = find(request.reference());
  if (!now) return now.error();
  auto summed = summary(*now);
  if (!summed) return broken(summed.error());
  *reply->mutable_summary() = std::move(*summed);
  return grpc::Status::OK;
}

grpc::Status CaseDesk::NoteCase(grpc::ServerContext*, const channel::v1::CaseRequest* request,
                                channel::v1::CaseReply* reply) {
  if (std::string objection = objection_to_note(request->author(), request->text(), true);
      !objection.empty())
    return invalid(objection);
  const auto about = find(request->reference());
  if (!about) return about.error();
  const auto added = ledger_.cases().add_entry(
      about->reference, {unix_s(), request->author(), "note", request->text()});
  if (!added) return broken(added.error());
  auto summed = summary(*about);
  if (!summed) return broken(summed.error());
  *reply->mutable_summary() = std::move(*summed);
  return grpc::Status::OK;
}

grpc::Status CaseDesk::CloseCase(grpc::ServerContext*, const channel::v1::CaseRequest* request,
                                 channel::v1::CaseReply* reply) {
  return change(*request, &cases::Restoration::close, reply);
}

grpc::Status CaseDesk::PasswordChanged(grpc::ServerContext*,
                                       const channel::v1::CaseRequest* request,
                                       channel::v1::CaseReply* reply) {
  return change(*request, &cases::Restoration::say_password_changed, reply);
}

grpc::Status CaseDesk::RequestRestoration(grpc::ServerContext*,
                                          const channel::v1::CaseRequest* request,
                                          channel::v1::CaseReply* reply) {
  return change(*request, &cases::Restoration::request, reply);
}

grpc::Status CaseDesk::RestoreCase(grpc::ServerContext*,
                                   const channel::v1::RestoreCaseRequest* request,
                                   channel::v1::RestoreCaseReply* reply) {
  if (std::string objection = objection_to_note(request->author(), "", false); !objection.empty())
    return invalid(objection);
  std::vector<ledger::Switch> switches;
  for (const int of : request->switches()) {
    const auto value = static_cast<ledger::Switch>(of);
    if (of == channel::v1::SWITCH_TREATMENT || channel::switch_name(value).empty())
      return invalid("what is given back is trusted-relay, smorf-block or range-exclusion");
    switches.push_back(value);
  }
  if (switches.empty())
    return invalid(
        "say which switches are given back: smorf-block, trusted-relay, "
        "range-exclusion");
  const auto about = find(request->reference());
  if (!about) return about.error();
  const auto given_back = restoration_.restore(about->reference, switches, request->author(),
                                               request->although_red(), unix_s());
  if (!given_back) return not_allowed(given_back.error());
  for (const std::string& what : *given_back) reply->add_given_back(what);
  const auto now = find(request->reference());
  if (!now) return now.error();
  auto summed = summary(*now);
  if (!summed) return broken(summed.error());
  *reply->mutable_summary() = std::move(*summed);
  return grpc::Status::OK;
}

std::string CaseDesk::link_to(CaseReference reference) const {
  if (page_.url.empty()) return "";
  const auto good_for = static_cast<uint64_t>(page_.link_good_for.count());
  return page_.url + links_.token(reference, unix_s() + good_for);
}

grpc::Status CaseDesk::LinkCase(grpc::ServerContext*, const channel::v1::LinkCaseRequest* request,
                                channel::v1::LinkCaseReply* reply) {
  if (std::string objection = objection_to_note(request->author(), "", false); !objection.empty())
    return invalid(objection);
  if (request->for_seconds() > kLongestLink_s) return invalid("a link is good for a year at most");
  const auto about = find(request->reference());
  if (!about) return about.error();
  const uint64_t good_for = request->for_seconds() != 0
                                ? request->for_seconds()
                                : static_cast<uint64_t>(page_.link_good_for.count());
  const uint64_t until = unix_s() + good_for;
  const auto added = ledger_.cases().add_entry(
      about->reference, {unix_s(), request->author(), "linked", "a link to the case's page"});
  if (!added) return broken(added.error());
  reply->set_token(links_.token(about->reference, until));
  reply->set_good_until_unix_s(until);
  if (!page_.url.empty()) reply->set_url(page_.url + reply->token());
  return grpc::Status::OK;
}

grpc::Status CaseDesk::OpenCaseLink(grpc::ServerContext*,
                                    const channel::v1::OpenCaseLinkRequest* request,
                                    channel::v1::OpenCaseLinkReply* reply) {
  const auto reference = links_.check(request->token(), unix_s());
  if (!reference) {
    return {StatusCode::NOT_FOUND,
            "this link is not good, or not any more: ask the one who sent it for a new one"};
  }
  reply->set_reference(reference->number);
  return grpc::Status::OK;
}

}  // namespace postern::server
