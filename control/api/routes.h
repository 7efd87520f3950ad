// The REST interface: which questions there are, who may ask them, and what answers them.
//
// Theory of operation. One table has a row for each route. A request that the web server took in
// becomes a Call; answer() finds its row, and the row's function asks the control process's own
// desks through the channel that the command line uses too, so that validation and history are in
// one place. What a change was and by whom is written to the audit here, once for all of them. The
// OpenAPI description (openapi.json) has the same rows; a test compares them.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/api/questions.h"
#include "control/channel/cases.grpc.pb.h"
#include "control/channel/operator.grpc.pb.h"
#include "control/ledger/ledger.h"
#include "control/server/token_desk.h"

namespace postern::api {

struct Answer {
  int status = 200;
  nlohmann::ordered_json body = {};
};

// An error as RFC 9457 has it.
Answer problem(int status, std::string detail);

// What answers ask.
struct Desks {
  Desks(ledger::Ledger& asked, const std::shared_ptr<grpc::Channel>& channel)
      : ledger(asked), about_tokens(asked), verdicts(channel), cases(channel) {}

  ledger::Ledger& ledger;
  server::TokenDesk about_tokens;
  channel::v1::Operator::Stub verdicts;
  channel::v1::CaseDesk::Stub cases;
};

struct Call {
  Desks& desks;
  std::vector<std::string> names = {};  // what stands for the {…} of the path
  Parameters parameters = {};
  std::string body = {};
  std::string author = {};  // the token's name
  uint64_t now_unix_s = 0;
};

// Who may ask: the role and those above it.
enum class Access { kAnyone, kViewer, kTechnician, kAdmin };
constexpr bool may(ledger::Role role, Access access) {
  return access == Access::kAnyone || static_cast<int>(role) + 1 >= static_cast<int>(access);
}

struct Route {
  std::string_view method = {};
  std::string_view path = {};       // below kBase, parameters as "{name}"
  std::string_view operation = {};  // its operationId in openapi.json, and its action in the audit
  Access access = Access::kAnyone;
  Answer (*answer)(Call& call) = nullptr;  // not there: the web server itself answers

  bool changes() const { return method != "GET"; }
};

inline constexpr std::string_view kBase = "/api/v1";

std::span<const Route> routes();

struct Found {
  const Route* route = nullptr;  // not there: nothing has this path, or not with this method
  std::vector<std::string> names = {};
  bool other_method = false;
};
// `path`: the whole one, decoded.
Found find_route(std::string_view method, std::string_view path);

// Any thread. A change that was made has its row in the audit when this returns.
Answer answer(const Route& route, Call& call);

// The rows' functions, by the file that has them.
// answers_traffic.cc
Answer show_status(Call& call);
Answer list_senders(Call& call);
Answer show_sender(Call& call);
Answer explain_sender(Call& call);
Answer list_events(Call& call);
Answer list_verdicts(Call& call);
Answer show_verdict(Call& call);
Answer set_verdict(Call& call);
Answer clear_verdict(Call& call);
Answer list_signatures(Call& call);
Answer count_rules(Call& call);
Answer order_signatures(Call& call);
Answer list_feeds(Call& call);
// answers_people.cc
Answer list_cases(Call& call);
Answer show_case(Call& call);
Answer note_case(Call& call);
Answer close_case(Call& call);
Answer say_password_changed(Call& call);
Answer request_restoration(Call& call);
Answer restore_case(Call& call);
Answer link_case(Call& call);
Answer show_linked(Call& call);
Answer linked_password(Call& call);
Answer linked_request(Call& call);
Answer list_customers(Call& call);
Answer show_customer(Call& call);
Answer add_customer(Call& call);
Answer change_customer(Call& call);
Answer remove_customer(Call& call);
Answer list_tokens(Call& call);
Answer add_token(Call& call);
Answer revoke_token(Call& call);
Answer list_audit(Call& call);

}  // namespace postern::api
