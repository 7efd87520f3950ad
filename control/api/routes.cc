#include "control/api/routes.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <ranges>

namespace postern::api {
namespace {

constexpr Route kRoutes[] = {
    {"POST", "/login", "login", Access::kAnyone},
    {"POST", "/logout", "logout", Access::kViewer},
    {"GET", "/session", "showSession", Access::kViewer},
    {"GET", "/live", "live", Access::kViewer},
    {"GET", "/openapi.json", "describe", Access::kAnyone},
    {"GET", "/status", "showStatus", Access::kViewer, show_status},
    {"GET", "/senders", "listSenders", Access::kViewer, list_senders},
    {"GET", "/senders/{address}", "showSender", Access::kViewer, show_sender},
    {"GET", "/senders/{address}/explain", "explainSender", Access::kViewer, explain_sender},
    {"GET", "/events", "listEvents", Access::kViewer, list_events},
    {"GET", "/verdicts", "listVerdicts", Access::kViewer, list_verdicts},
    {"GET", "/verdicts/on", "showVerdict", Access::kViewer, show_verdict},
    {"POST", "/verdicts", "setVerdict", Access::kTechnician, set_verdict},
    {"POST", "/verdicts/clear", "clearVerdict", Access::kTechnician, clear_verdict},
    {"GET", "/cases", "listCases", Access::kViewer, list_cases},
    {"GET", "/cases/{case}", "showCase", Access::kViewer, show_case},
    {"POST", "/cases/{case}/note", "noteCase", Access::kTechnician, note_case},
    {"POST", "/cases/{case}/close", "closeCase", Access::kTechnician, close_case},
    {"POST", "/cases/{case}/password", "sayPasswordChanged", Access::kTechnician,
     say_password_changed},
    {"POST", "/cases/{case}/request", "requestRestoration", Access::kTechnician,
     request_restoration},
    {"POST", "/cases/{case}/restore", "restoreCase", Access::kTechnician, restore_case},
    {"POST", "/cases/{case}/link", "linkCase", Access::kTechnician, link_case},
    {"GET", "/linked/{token}", "showLinkedCase", Access::kAnyone, show_linked},
    {"POST", "/linked/{token}/password", "linkedPassword", Access::kAnyone, linked_password},
    {"POST", "/linked/{token}/request", "linkedRequest", Access::kAnyone, linked_request},
    {"GET", "/customers", "listCustomers", Access::kViewer, list_customers},
    {"POST", "/customers", "addCustomer", Access::kTechnician, add_customer},
    {"GET", "/customers/{id}", "showCustomer", Access::kViewer, show_customer},
    {"PUT", "/customers/{id}", "changeCustomer", Access::kTechnician, change_customer},
    {"DELETE", "/customers/{id}", "removeCustomer", Access::kTechnician, remove_customer},
    {"GET", "/signatures", "listSignatures", Access::kViewer, list_signatures},
    {"GET", "/signatures/rules", "countRules", Access::kViewer, count_rules},
    {"POST", "/signatures/order", "orderSignatures", Access::kAdmin, order_signatures},
    {"GET", "/feeds", "listFeeds", Access::kViewer, list_feeds},
    {"GET", "/audit", "listAudit", Access::kTechnician, list_audit},
    {"GET", "/tokens", "listTokens", Access::kAdmin, list_tokens},
    {"POST", "/tokens", "addToken", Access::kAdmin, add_token},
    {"POST", "/tokens/{name}/revoke", "revokeToken", Access::kAdmin, revoke_token},
};

// Segment by segment; a literal route stands before the one with a name in its place only where the
// table says so, so "/verdicts/on" is no address.
bool matches(std::string_view pattern, std::string_view path, std::vector<std::string>* names) {
  names->clear();
  while (true) {
    const size_t pattern_end = pattern.find('/', 1), path_end = path.find('/', 1);
    const std::string_view want = pattern.substr(0, pattern_end), have = path.substr(0, path_end);
    if (want.starts_with("/{")) {
      if (have.size() < 2) return false;
      names->emplace_back(have.substr(1));
    } else if (want != have) {
      return false;
    }
    if (pattern_end == pattern.npos || path_end == path.npos)
      return pattern_end == pattern.npos && path_end == path.npos;
    pattern.remove_prefix(pattern_end);
    path.remove_prefix(path_end);
  }
}

std::string_view title_of(int status) {
  switch (status) {
    case 400:
      return "Bad request";
    case 401:
      return "Not logged in";
    case 403:
      return "Not allowed";
    case 404:
      return "Not found";
    case 405:
      return "Method not allowed";
    case 409:
      return "Not in this state";
    case 411:
      return "Length required";
    case 413:
      return "Too large";
    case 414:
      return "Address too long";
    case 415:
      return "Not JSON";
    case 429:
      return "Too often";
    case 503:
      return "Not available";
    default:
      return "It did not work";
  }
}

}  // namespace

Answer problem(int status, std::string detail) {
  return {status,
          {{"type", "about:blank"},
           {"title", title_of(status)},
           {"status", status},
           {"detail", std::move(detail)}}};
}

std::span<const Route> routes() { return kRoutes; }

Found find_route(std::string_view method, std::string_view path) {
  Found out;
  if (!path.starts_with(kBase)) return out;
  path.remove_prefix(kBase.size());
  if (!path.starts_with('/')) return out;
  std::vector<std::string> names;
  for (const Route& route : kRoutes) {
    if (!matches(route.path, path, &names)) continue;
    if (route.method == method) return {.route = &route, .names = std::move(names)};
    out.other_method = true;
  }
  return out;
}

Answer answer(const Route& route, Call& call) {
  Answer out = route.answer(call);
  if (!route.changes() || out.status >= 300) return out;
  // A case link's token opens the case to whoever reads it: it does not go into the audit.
  std::string subject;
  if (!call.names.empty() && !route.path.starts_with("/linked/")) subject = call.names.front();
  if (subject.empty() && out.body.contains("case") && out.body["case"].is_string())
    subject = out.body["case"].get<std::string>();
  if (subject.empty() && out.body.contains("name") && out.body["name"].is_string())
    subject = out.body["name"].get<std::string>();
  if (subject.empty() && out.body.contains("verdict"))
    subject = out.body["verdict"].value("prefix", "");
  const auto recorded = call.desks.ledger.audit().record(
      {call.now_unix_s, call.author, fmt::format("api {}", route.operation), subject, ""});
  if (!recorded) spdlog::error("the audit has no row of an API change: {}", recorded.error());
  return out;
}

}  // namespace postern::api
