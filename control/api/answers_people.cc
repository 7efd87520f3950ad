// Answers about cases, customers, tokens and the audit.
#include <fmt/format.h>

#include "control/api/asking.h"
#include "control/channel/json.h"

namespace postern::api {
namespace {

using namespace channel::v1;
using channel::to_json;
using nlohmann::ordered_json;
using Cases = CaseDesk::Stub;

using CaseMethod = grpc::Status (Cases::*)(grpc::ClientContext*, const CaseRequest&, CaseReply*);

Answer change_case(Call& call, CaseMethod method) {
  const auto reference = read_case_reference(call.names[0]);
  if (!reference) return problem(404, reference.error());
  auto request = read_case_change(call.body);
  if (!request) return problem(400, request.error());
  request->set_reference(*reference);
  request->set_author(call.author);
  const auto reply = ask(call.desks.cases, method, *request);
  if (!reply) return reply.error();
  return {200, to_json(reply->summary())};
}

Asked<uint64_t> linked_case(Call& call) {
  OpenCaseLinkRequest request;
  request.set_token(call.names[0]);
  const auto reply = ask(call.desks.cases, &Cases::OpenCaseLink, request);
  if (!reply) return std::unexpected(reply.error());
  return reply->reference();
}

// What the customer's admin does on the page that a link leads to.
Answer change_linked(Call& call, CaseMethod method) {
  const auto reference = linked_case(call);
  if (!reference) return reference.error();
  const auto word = read_customers_word(call.body);
  if (!word) return problem(400, word.error());
  call.author = fmt::format("{} (case page)", word->who);
  CaseRequest request;
  request.set_reference(*reference);
  request.set_author(call.author);
  request.set_text(word->text);
  const auto reply = ask(call.desks.cases, method, request);
  if (!reply) return reply.error();
  return {200, to_json(reply->summary())};
}

ordered_json token_json(const AddTokenReply& reply) {
  ordered_json out = to_json(reply.token());
  out["text"] = reply.text();
  return out;
}

Answer put_customer(Call& call, uint64_t id) {
  auto request = read_customer(call.body);
  if (!request) return problem(400, request.error());
  request->mutable_customer()->set_id(id);
  request->set_author(call.author);
  const auto reply = ask(call.desks.cases, &Cases::PutCustomer, *request);
  if (!reply) return reply.error();
  return {id == 0 ? 201 : 200, to_json(*reply)};
}

Parsed<uint64_t> customer_id(const Call& call) {
  const auto id = read_number(call.names[0]);
  if (!id || *id == 0 || *id > uint64_t{1} << 62)
    return std::unexpected("a customer is named by its number");
  return id;
}

}  // namespace

Answer list_cases(Call& call) {
  const auto question = ask_cases(call.parameters);
  if (!question) return problem(400, question.error());
  const auto reply = ask(call.desks.cases, &Cases::ListCases, question->request);
  if (!reply) return reply.error();
  return {200, page_of("cases", reply->cases(), question->page,
                       [](const CaseSummary& row) { return to_json(row); })};
}

Answer show_case(Call& call) {
  const auto reference = read_case_reference(call.names[0]);
  if (!reference) return problem(404, reference.error());
  auto request = ask_case(call.parameters);
  if (!request) return problem(400, request.error());
  request->set_reference(*reference);
  const auto reply = ask(call.desks.cases, &Cases::ShowCase, *request);
  if (!reply) return reply.error();
  return {200, to_json(*reply)};
}

Answer note_case(Call& call) { return change_case(call, &Cases::NoteCase); }
Answer close_case(Call& call) { return change_case(call, &Cases::CloseCase); }
Answer say_password_changed(Call& call) { return change_case(call, &Cases::PasswordChanged); }
Answer request_restoration(Call& call) { return change_case(call, &Cases::RequestRestoration); }

Answer restore_case(Call& call) {
  const auto reference = read_case_reference(call.names[0]);
  if (!reference) return problem(404, reference.error());
  auto request = read_restore(call.body);
  if (!request) return problem(400, request.error());
  request->set_reference(*reference);
  request->set_author(call.author);
  const auto reply = ask(call.desks.cases, &Cases::RestoreCase, *request);
  if (!reply) return reply.error();
  ordered_json out = to_json(reply->summary());
  out["given_back"] = ordered_json::array();
  for (const std::string& what : reply->given_back()) out["given_back"].push_back(what);
  return {200, std::move(out)};
}

Answer link_case(Call& call) {
  const auto reference = read_case_reference(call.names[0]);
  if (!reference) return problem(404, reference.error());
  auto request = read_link(call.body);
  if (!request) return problem(400, request.error());
  request->set_reference(*reference);
  request->set_author(call.author);
  const auto reply = ask(call.desks.cases, &Cases::LinkCase, *request);
  if (!reply) return reply.error();
  return {200,
          {{"token", reply->token()},
           {"good_until_unix_s", reply->good_until_unix_s()},
           {"url", reply->url().empty() ? ordered_json() : ordered_json(reply->url())}}};
}

// Without what is between the operator's people: their names, their notes, and who said what of a
// verdict.
Answer show_linked(Call& call) {
  if (const auto fine = ask_nothing(call.parameters); !fine) return problem(400, fine.error());
  const auto reference = linked_case(call);
  if (!reference) return reference.error();
  ShowCaseRequest request;
  request.set_reference(*reference);
  const auto reply = ask(call.desks.cases, &Cases::ShowCase, request);
  if (!reply) return reply.error();
  ordered_json out = to_json(*reply);
  ordered_json history = ordered_json::array();
  for (ordered_json& entry : out["history"]) {
    if (entry["action"] == "note" || entry["action"] == "linked") continue;
    entry.erase("author");
    history.push_back(std::move(entry));
  }
  out["history"] = std::move(history);
  for (ordered_json& verdict : out["verdicts"]) {
    verdict.erase("author");
    verdict.erase("reason");
  }
  return {200, std::move(out)};
}

Answer linked_password(Call& call) { return change_linked(call, &Cases::PasswordChanged); }
Answer linked_request(Call& call) { return change_linked(call, &Cases::RequestRestoration); }

Answer list_customers(Call& call) {
  if (const auto fine = ask_nothing(call.parameters); !fine) return problem(400, fine.error());
  const auto reply = ask(call.desks.cases, &Cases::ListCustomers, ListCustomersRequest());
  if (!reply) return reply.error();
  ordered_json rows = ordered_json::array();
  for (const Customer& customer : reply->customers()) rows.push_back(to_json(customer));
  return {200, {{"customers", std::move(rows)}}};
}

Answer show_customer(Call& call) {
  const auto id = customer_id(call);
  if (!id) return problem(404, id.error());
  ShowCustomerRequest request;
  request.set_id(*id);
  const auto reply = ask(call.desks.cases, &Cases::ShowCustomer, request);
  if (!reply) return reply.error();
  return {200, to_json(*reply)};
}

Answer add_customer(Call& call) { return put_customer(call, 0); }

Answer change_customer(Call& call) {
  const auto id = customer_id(call);
  if (!id) return problem(404, id.error());
  return put_customer(call, *id);
}

Answer remove_customer(Call& call) {
  const auto id = customer_id(call);
  if (!id) return problem(404, id.error());
  if (const auto fine = read_empty(call.body); !fine) return problem(400, fine.error());
  RemoveCustomerRequest request;
  request.set_id(*id);
  request.set_author(call.author);
  const auto reply = ask(call.desks.cases, &Cases::RemoveCustomer, request);
  if (!reply) return reply.error();
  return {200, ordered_json::object()};
}

Answer list_tokens(Call& call) {
  if (const auto fine = ask_nothing(call.parameters); !fine) return problem(400, fine.error());
  const ListTokensRequest request;
  ListTokensReply reply;
  if (const auto status = call.desks.about_tokens.ListTokens(nullptr, &request, &reply);
      !status.ok())
    return problem(status);
  ordered_json rows = ordered_json::array();
  for (const ApiToken& token : reply.tokens()) rows.push_back(to_json(token));
  return {200, {{"tokens", std::move(rows)}}};
}

Answer add_token(Call& call) {
  auto request = read_token(call.body);
  if (!request) return problem(400, request.error());
  request->set_author(call.author);
  AddTokenReply reply;
  if (const auto status = call.desks.about_tokens.AddToken(nullptr, &*request, &reply);
      !status.ok())
    return problem(status);
  return {201, token_json(reply)};
}

Answer revoke_token(Call& call) {
  if (const auto fine = read_empty(call.body); !fine) return problem(400, fine.error());
  RevokeTokenRequest request;
  request.set_name(call.names[0]);
  request.set_author(call.author);
  RevokeTokenReply reply;
  if (const auto status = call.desks.about_tokens.RevokeToken(nullptr, &request, &reply);
      !status.ok())
    return problem(status);
  return {200, ordered_json::object()};
}

Answer list_audit(Call& call) {
  const auto request = ask_audit(call.parameters);
  if (!request) return problem(400, request.error());
  const auto reply = ask(call.desks.cases, &Cases::ListAudit, *request);
  if (!reply) return reply.error();
  ordered_json rows = ordered_json::array();
  for (const AuditRow& row : reply->rows()) rows.push_back(to_json(row));
  return {200, {{"rows", std::move(rows)}}};
}

}  // namespace postern::api
