#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/case_reference.h"
#include "base/duration.h"
#include "base/time_text.h"
#include "control/channel/cases.grpc.pb.h"
#include "control/channel/json.h"
#include "control/channel/treatment.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/table.h"
#include "control/cli/verdict_text.h"

namespace postern::cli {
namespace {

using namespace channel::v1;
using Cases = CaseDesk::Stub;
using nlohmann::ordered_json;

struct CaseOptions : ControlOptions {
  CaseReference reference = {};
  std::string state, within, customer, text, by, duration;
  bool all = false, although_red = false;
  bool smorf = false, trusted_relay = false, range = false;
  uint32_t limit = 100;
  uint32_t evidence = 5;
};

constexpr size_t kLongText = 500;

// Lines of one finding; the rest of a diagnosis is for programs.
void show_diagnosis(const std::string& text) {
  const ordered_json diagnosis = ordered_json::parse(text, nullptr, false);
  if (!diagnosis.is_object()) return;
  const auto findings = diagnosis.find("findings");
  if (findings != diagnosis.end() && findings->is_array() && !findings->empty()) {
    fmt::print("\ndiagnosis\n");
    for (const auto& finding : *findings) {
      if (!finding.is_object()) continue;
      fmt::print("  {} ({} confidence)\n", printable(finding.value("text", ""), kLongText),
                 printable(finding.value("confidence", "unknown")));
      const auto lines = finding.find("lines");
      if (lines == finding.end() || !lines->is_array()) continue;
      for (const auto& line : *lines) {
        if (line.is_string())
          fmt::print("    {}\n", printable(line.get_ref<const std::string&>(), kLongText));
      }
    }
  }
  const auto advice = diagnosis.find("advice");
  if (advice == diagnosis.end() || !advice->is_array() || advice->empty()) return;
  fmt::print("\nwhat to do\n");
  for (const auto& line : *advice) {
    if (line.is_string())
      fmt::print("  - {}\n", printable(line.get_ref<const std::string&>(), kLongText));
  }
}

void show_summary(const CaseSummary& summary) {
  Table table({"case", case_text(summary.reference())});
  table.add({"about", printable(summary.subject(), kLongText)});
  if (!summary.customer().empty())
    table.add({"customer", printable(summary.customer(), kLongText)});
  table.add({"state", fmt::format("{}, step {}", summary.state(), summary.step())});
  table.add({"cause", printable(summary.cause(), kLongText)});
  table.add({"opened", local_time(summary.opened_unix_s())});
  if (summary.closed_unix_s() != 0) table.add({"closed", local_time(summary.closed_unix_s())});
  fmt::print("{}", table.to_string());
}

void show_evidence(const ShowCaseReply& reply) {
  if (reply.evidence_size() == 0) return;
  fmt::print("\nevidence, the last {} of {}\n", reply.evidence_size(), reply.evidence_kept());
  Table table({"TIME", "WHY", "OUTCOME", "FROM", "USER", "HANDED IN BY", "SUBJECT"});
  for (const CaseEvidence& row : reply.evidence()) {
    const Event& event = row.event();
    const std::string& user = event.auth_user().empty() ? event.origin().user() : event.auth_user();
    table.add({local_time(event.wall_us() / 1'000'000), printable(row.why(), 30),
               printable(event.outcome()),
               event.null_sender() ? "<>" : printable(event.mail_from(), 40), printable(user, 30),
               printable(event.origin().ip(), 40), printable(event.subject(), 40)});
  }
  fmt::print("{}", table.to_string(2));
}

int show_case(const CaseOptions& options) {
  ShowCaseRequest request;
  request.set_reference(options.reference.number);
  request.set_evidence(options.evidence);
  ShowCaseReply reply;
  if (const int code = ControlConnection(options.socket).ask(&Cases::ShowCase, request, &reply);
      code != kOk)
    return code;
  if (options.json) {
    print(channel::to_json(reply));
    return kOk;
  }
  show_summary(reply.summary());
  show_diagnosis(reply.diagnosis());
  if (reply.marks_size() > 0) {
    fmt::print("\nbefore it gets its switches back\n");
    Table table({"", "MARK", "WHAT WAS SEEN"});
    for (const CaseMark& mark : reply.marks())
      table.add({mark.green() ? "ok" : "--", mark.kind(), printable(mark.text(), kLongText)});
    fmt::print("{}", table.to_string(2));
    if (!reply.requested_by().empty()) {
      fmt::print("  restoration was asked for by {}, {}\n", printable(reply.requested_by()),
                 local_time(reply.requested_unix_s()));
    }
  }
  if (reply.verdicts_size() > 0) {
    fmt::print("\nin force because of it\n");
    Table table(kVerdictColumns);
    for (const VerdictEntry& entry : reply.verdicts()) add_verdict_row(table, entry);
    fmt::print("{}", table.to_string(2));
  }
  show_evidence(reply);
  fmt::print("\nhistory\n");
  Table table({"WHEN", "BY", "WHAT", "WHY"});
  for (const CaseHistoryEntry& entry : reply.history()) {
    table.add({local_time(entry.at_unix_s()), printable(entry.author(), 30),
               printable(entry.action()), printable(entry.text(), kLongText)});
  }
  fmt::print("{}", table.to_string(2));
  return kOk;
}

int list_cases(const CaseOptions& options) {
  ListCasesRequest request;
  request.set_state(options.state);
  request.set_only_unclosed(!options.all && options.state.empty());
  request.set_within(options.within);
  request.set_limit(options.limit);
  ControlConnection control(options.socket);
  if (!options.customer.empty()) {
    ShowCustomerRequest who;
    who.set_name(options.customer);
    Customer customer;
    if (const int code = control.ask(&Cases::ShowCustomer, who, &customer); code != kOk)
      return code;
    request.set_customer(customer.id());
  }
  ListCasesReply reply;
  if (const int code = control.ask(&Cases::ListCases, request, &reply); code != kOk) return code;
  if (options.json) {
    ordered_json rows = ordered_json::array();
    for (const CaseSummary& summary : reply.cases()) rows.push_back(channel::to_json(summary));
    print({{"cases", rows}});
    return reply.cases_size() > 0 ? kOk : kNegative;
  }
  if (reply.cases_size() == 0) {
    return complain(request.only_unclosed() ? "no case is open (--all lists closed ones too)"
                                            : "there are no such cases",
                    kNegative);
  }
  Table table({"CASE", "STATE", "STEP", "ABOUT", "CUSTOMER", "OPENED", "CHANGED", "CAUSE"});
  for (const CaseSummary& summary : reply.cases()) {
    table.add({case_text(summary.reference()), summary.state(), summary.step(),
               printable(summary.subject(), 60), printable(summary.customer(), 30),
               local_time(summary.opened_unix_s()), local_time(summary.changed_unix_s()),
               printable(summary.cause(), 80)});
  }
  fmt::print("{}", table.to_string());
  return kOk;
}

using Change = grpc::Status (Cases::*)(grpc::ClientContext*, const CaseRequest&, CaseReply*);

// What a person says or does about a case.
template <Change change>
int change_case(const CaseOptions& options) {
  CaseRequest request;
  request.set_reference(options.reference.number);
  request.set_author(options.by.empty() ? user_name() : options.by);
  request.set_text(options.text);
  CaseReply reply;
  if (const int code = ControlConnection(options.socket).ask(change, request, &reply); code != kOk)
    return code;
  if (options.json) {
    print(channel::to_json(reply.summary()));
  } else {
    fmt::print("case {}: {}\n", case_text(reply.summary().reference()), reply.summary().state());
  }
  return kOk;
}

int restore_case(const CaseOptions& options) {
  RestoreCaseRequest request;
  request.set_reference(options.reference.number);
  if (options.smorf) request.add_switches(SWITCH_SMORF_BLOCK);
  if (options.trusted_relay) request.add_switches(SWITCH_TRUSTED_RELAY);
  if (options.range) request.add_switches(SWITCH_RANGE_EXCLUSION);
  if (request.switches_size() == 0) {
    return complain(
        "say what it gets back: --smorf, --trusted-relay, --range; each by itself or "
        "several together",
        kUsage);
  }
  request.set_author(user_name());
  request.set_although_red(options.although_red);
  RestoreCaseReply reply;
  if (const int code = ControlConnection(options.socket).ask(&Cases::RestoreCase, request, &reply);
      code != kOk)
    return code;
  if (options.json) {
    ordered_json out = channel::to_json(reply.summary());
    out["given_back"] = ordered_json::array();
    for (const std::string& what : reply.given_back()) out["given_back"].push_back(what);
    print(out);
    return reply.given_back_size() > 0 ? kOk : kNegative;
  }
  for (const std::string& what : reply.given_back())
    fmt::print("given back: {}\n", printable(what, kLongText));
  fmt::print("case {}: {}\n", case_text(reply.summary().reference()), reply.summary().state());
  if (reply.given_back_size() > 0) return kOk;
  return complain("nothing of the case was in force there", kNegative);
}

int link_case(const CaseOptions& options) {
  LinkCaseRequest request;
  request.set_reference(options.reference.number);
  request.set_author(user_name());
  if (!options.duration.empty()) {
    request.set_for_seconds(static_cast<uint64_t>(
        std::chrono::ceil<std::chrono::seconds>(*parse_duration(options.duration)).count()));
  }
  LinkCaseReply reply;
  if (const int code = ControlConnection(options.socket).ask(&Cases::LinkCase, request, &reply);
      code != kOk)
    return code;
  if (options.json) {
    print({{"token", reply.token()},
           {"url", reply.url().empty() ? ordered_json() : ordered_json(reply.url())},
           {"good_until", utc_time(reply.good_until_unix_s())}});
    return kOk;
  }
  if (reply.url().empty()) {
    fmt::print("{}\n", reply.token());
    complain("no page is configured (cases.page of postern-control): this is the token alone", kOk);
  } else {
    fmt::print("{}\n", reply.url());
  }
  return kOk;
}

}  // namespace

void add_case_command(CLI::App& app, int* exit_code) {
  CLI::App* cases = app.add_subcommand(
      "case", "Cases of senders: what was found, what is blocked, and how they come back");
  cases->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, int (*run)(const CaseOptions&)) {
    auto options = std::make_shared<CaseOptions>();
    CLI::App* command = cases->add_subcommand(name, help);
    options->add_to(*command);
    command->callback([options, run, exit_code] { *exit_code = run(*options); });
    return std::pair(command, options.get());
  };
  const auto add_reference = [](CLI::App* command, CaseOptions* options) {
    command
        ->add_option_function<std::string>(
            "case",
            [options](const std::string& text) {
              const auto reference = CaseReference::parse(text);
              if (!reference || !*reference) {
                throw CLI::ValidationError(
                    "case", fmt::format("'{}' is no case reference: ten characters such as "
                                        "7F3A00KX1M",
                                        text));
              }
              options->reference = *reference;
            },
            "Its reference, as refusals name it")
        ->type_name("CASE")
        ->required();
  };

  const auto [list, list_options] =
      add("list", "Cases that are not closed, last changed first", list_cases);
  list->add_flag("--all", list_options->all, "Closed ones too");
  list->add_option("--state", list_options->state, "Only these")
      ->type_name("STATE")
      ->check(CLI::IsMember({"open", "restoring", "probation", "closed"}));
  list->add_option("--within", list_options->within, "Only of senders in this prefix")
      ->type_name("PREFIX")
      ->check(kPrefix);
  list->add_option("--customer", list_options->customer, "Only of this customer")
      ->type_name("NAME");
  list->add_option("--limit", list_options->limit, "At most so many")
      ->type_name("N")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();

  const auto [show, show_options] = add(
      "show", "All about a case: diagnosis, marks, what is blocked, evidence, history", show_case);
  add_reference(show, show_options);
  show->add_option("--evidence", show_options->evidence, "Messages to show, the last ones")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();

  const auto [note, note_options] =
      add("note", "Write something into a case's history", change_case<&Cases::NoteCase>);
  add_reference(note, note_options);
  note->add_option("text", note_options->text, "What")->type_name("TEXT")->required();

  const auto [password, password_options] =
      add("password", "Say that the password was changed that spam was sent with",
          change_case<&Cases::PasswordChanged>);
  add_reference(password, password_options);
  password->add_option("--by", password_options->by, "Who says so; else you")->type_name("NAME");
  password->add_option("--text", password_options->text, "How it is known")->type_name("TEXT");

  const auto [request, request_options] =
      add("request", "Ask for restoration on the customer's behalf: all marks must be green",
          change_case<&Cases::RequestRestoration>);
  add_reference(request, request_options);
  request->add_option("--by", request_options->by, "Who asks; else you")->type_name("NAME");
  request->add_option("--text", request_options->text, "What they say")->type_name("TEXT");

  const auto [restore, restore_options] =
      add("restore", "Give a sender its switches back, each by itself", restore_case);
  add_reference(restore, restore_options);
  restore->add_flag("--smorf", restore_options->smorf,
                    "The SMORF block, and what the policy made of its mail");
  restore->add_flag("--trusted-relay", restore_options->trusted_relay,
                    "It may send through the gate again");
  restore->add_flag("--range", restore_options->range, "Its range is no longer excluded");
  restore->add_flag("--although-red", restore_options->although_red,
                    "Although not all marks are green");

  const auto [link, link_options] =
      add("link", "A link to the case's page for the customer's mail admin", link_case);
  add_reference(link, link_options);
  link->add_option("--for", link_options->duration, "How long it is good; else as configured")
      ->type_name("TIME")
      ->check(kDuration);

  const auto [close, close_options] =
      add("close", "Close a case by hand; its verdicts stay as they are",
          change_case<&Cases::CloseCase>);
  add_reference(close, close_options);
  close->add_option("--text", close_options->text, "Why")->type_name("TEXT")->required();
}

}  // namespace postern::cli
