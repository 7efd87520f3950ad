#include <fmt/format.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "base/time_text.h"
#include "control/channel/cases.grpc.pb.h"
#include "control/channel/json.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/table.h"
#include "control/cli/verdict_text.h"

namespace postern::cli {
namespace {

using namespace channel::v1;
using Cases = CaseDesk::Stub;
using nlohmann::ordered_json;

struct SenderOptions : ControlOptions {
  std::string address, order = "messages", within, since;
  uint32_t limit = 50;
};

uint64_t since_of(const SenderOptions& options) {
  if (options.since.empty()) return 0;
  const auto back = std::chrono::ceil<std::chrono::seconds>(*parse_duration(options.since));
  return static_cast<uint64_t>(std::time(nullptr) - back.count());
}

std::string share(uint64_t part, uint64_t whole) {
  if (whole == 0) return "-";
  return fmt::format("{:.1f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string state_text(const Sender& sender) {
  return sender.has_in_force() ? switch_text(sender.in_force()) : "-";
}

int list_senders(const SenderOptions& options) {
  ListSendersRequest request;
  request.set_since_unix_s(since_of(options));
  request.set_order(options.order);
  request.set_within(options.within);
  request.set_limit(options.limit);
  ListSendersReply reply;
  if (const int code = ControlConnection(options.socket).ask(&Cases::ListSenders, request, &reply);
      code != kOk)
    return code;
  if (options.json) {
    ordered_json rows = ordered_json::array();
    for (const Sender& sender : reply.senders()) rows.push_back(channel::to_json(sender));
    print({{"since", utc_time(reply.since_unix_s())}, {"senders", rows}});
    return reply.senders_size() > 0 ? kOk : kNegative;
  }
  if (reply.senders_size() == 0) return complain("nobody has sent anything since then", kNegative);
  Table table({"SENDER", "CUSTOMER", "MESSAGES", "SPAM", "SHARE", "BLOCKED", "DEFERRED",
               "LOGINS FAILED", "IN FORCE", "CASE"});
  for (const Sender& sender : reply.senders()) {
    const SenderCounts& counts = sender.counts();
    table.add({sender.address(), printable(sender.customer(), 30),
               fmt::format("{}", counts.messages()), fmt::format("{}", counts.refused_spam()),
               share(counts.refused_spam(), counts.messages()),
               fmt::format("{}", counts.refused_blocked()), fmt::format("{}", counts.deferred()),
               fmt::format("{}", counts.failed_logins()), state_text(sender),
               case_text(sender.open_case())});
  }
  fmt::print("since {}\n{}", local_time(reply.since_unix_s()), table.to_string());
  return kOk;
}

int show_sender(const SenderOptions& options) {
  ShowSenderRequest request;
  request.set_address(options.address);
  request.set_since_unix_s(since_of(options));
  ShowSenderReply reply;
  if (const int code = ControlConnection(options.socket).ask(&Cases::ShowSender, request, &reply);
      code != kOk)
    return code;
  if (options.json) {
    print(channel::to_json(reply));
    return kOk;
  }
  const Sender& sender = reply.sender();
  Table about({"sender", sender.address()});
  about.add({"customer", sender.customer().empty() ? "-" : printable(sender.customer(), 500)});
  about.add({"in force", state_text(sender)});
  fmt::print("{}", about.to_string());
  if (reply.cases_size() > 0) {
    Table cases({"CASE", "STATE", "STEP", "ABOUT", "OPENED", "CAUSE"});
    for (const CaseSummary& summary : reply.cases()) {
      cases.add({case_text(summary.reference()), summary.state(), summary.step(),
                 printable(summary.subject(), 60), local_time(summary.opened_unix_s()),
                 printable(summary.cause(), 80)});
    }
    fmt::print("\n{}", cases.to_string());
  }
  if (reply.hours_size() == 0) {
    fmt::print("\nit has sent nothing since then\n");
    return kOk;
  }
  Table hours({"HOUR", "MESSAGES", "FORWARDED", "SPAM", "BLOCKED", "DEFERRED", "RECIPIENTS",
               "NOT TAKEN", "LOGINS FAILED"});
  for (const SenderHour& hour : reply.hours()) {
    const SenderCounts& c = hour.counts();
    const auto number = [](uint64_t n) { return fmt::format("{}", n); };
    hours.add({local_time(hour.hour_unix_s()), number(c.messages()), number(c.forwarded()),
               number(c.refused_spam()), number(c.refused_blocked()), number(c.deferred()),
               number(c.recipients()), number(c.rejected()), number(c.failed_logins())});
  }
  fmt::print("\n{}", hours.to_string());
  return kOk;
}

}  // namespace

void add_sender_command(CLI::App& app, int* exit_code) {
  CLI::App* senders = app.add_subcommand("sender", "What senders did: list, show");
  senders->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, int (*run)(const SenderOptions&)) {
    auto options = std::make_shared<SenderOptions>();
    CLI::App* command = senders->add_subcommand(name, help);
    options->add_to(*command);
    command->callback([options, run, exit_code] { *exit_code = run(*options); });
    return std::pair(command, options.get());
  };
  const auto [list, list_options] = add("list", "All that sent something", list_senders);
  list->add_option("--order", list_options->order, "By what, the most first")
      ->type_name("ORDER")
      ->check(CLI::IsMember({"messages", "spam", "address"}))
      ->capture_default_str();
  list->add_option("--within", list_options->within, "Only in this prefix")
      ->type_name("PREFIX")
      ->check(kPrefix);
  list->add_option("--since", list_options->since, "How far back; else a day")
      ->type_name("TIME")
      ->check(kDuration);
  list->add_option("--limit", list_options->limit, "At most so many")
      ->type_name("N")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();

  const auto [show, show_options] =
      add("show", "One sender: hour by hour, its cases, what is in force", show_sender);
  show->add_option("address", show_options->address, "Address: 192.0.2.7 or 2001:db8::7")
      ->type_name("ADDRESS")
      ->required()
      ->check(kAddress);
  show->add_option("--since", show_options->since, "How far back; else a week")
      ->type_name("TIME")
      ->check(kDuration);
}

}  // namespace postern::cli
