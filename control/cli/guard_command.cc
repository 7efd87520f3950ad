#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "control/channel/guard.grpc.pb.h"
#include "control/channel/json.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/table.h"
#include "control/cli/verdict_text.h"

namespace postern::cli {
namespace {

using namespace channel::v1;
using Guards = channel::v1::GuardDesk::Stub;
using nlohmann::ordered_json;

struct GuardOptions : ControlOptions {
  std::string prefix;
  std::string reason;
  std::string duration;
  bool source = false;
  bool except = false;
  bool drop = false;
};

// What an entry of the guard does, to people.
std::string meaning(const VerdictEntry& entry) {
  if (entry.of() == SWITCH_INBOUND_SOURCE) {
    return entry.treatment() == TREATMENT_PASS ? "listed: may connect" : "not listed";
  }
  if (entry.treatment() == TREATMENT_PASS) return "open to everybody";
  return entry.treatment() == TREATMENT_DROP ? "guarded: no answer to others"
                                             : "guarded: others are reset";
}

int add_guard(const GuardOptions& options) {
  AddGuardRequest request;
  request.set_prefix(options.prefix);
  request.set_source(options.source);
  request.set_except(options.except);
  request.set_drop(options.drop);
  request.set_reason(options.reason);
  request.set_author(user_name());
  if (!options.duration.empty()) {
    const auto duration = parse_duration(options.duration);
    if (!duration) return complain("--for: " + duration.error(), kUsage);
    if (*duration < std::chrono::seconds(1))
      return complain("--for: it holds for at least 1s", kUsage);
    request.set_for_seconds(
        static_cast<uint64_t>(std::chrono::ceil<std::chrono::seconds>(*duration).count()));
  }
  ControlConnection control(options.socket);
  ChangeReply reply;
  if (const int code = control.ask(&Guards::AddGuard, request, &reply); code != kOk) return code;
  if (!options.json) fmt::print("{}: {}\n", reply.entry().prefix(), meaning(reply.entry()));
  const int reach = report_reach(reply, options);
  if (options.source || options.except) return reach;
  ListGuardsReply all;
  if (const int code = control.ask(&Guards::ListGuards, ListGuardsRequest(), &all); code != kOk)
    return code;
  const bool is_listed = std::ranges::any_of(all.sources(), [](const VerdictEntry& source) {
    return source.treatment() == TREATMENT_PASS;
  });
  if (!is_listed) {
    complain(
        "no source is listed, so nobody outside can connect to it: `postern guard add PREFIX "
        "--source` lists one",
        kNegative);
  }
  return reach;
}

int remove_guard(const GuardOptions& options) {
  RemoveGuardRequest request;
  request.set_prefix(options.prefix);
  request.set_source(options.source);
  request.set_reason(options.reason);
  request.set_author(user_name());
  ChangeReply reply;
  if (const int code = ControlConnection(options.socket).ask(&Guards::RemoveGuard, request, &reply);
      code != kOk) {
    return code;
  }
  if (!options.json)
    fmt::print("{}: not any more ({})\n", reply.entry().prefix(), meaning(reply.entry()));
  return report_reach(reply, options);
}

int list_guards(const GuardOptions& options) {
  ListGuardsReply reply;
  if (const int code =
          ControlConnection(options.socket).ask(&Guards::ListGuards, ListGuardsRequest(), &reply);
      code != kOk) {
    return code;
  }
  Table table({"PREFIX", "IS", "EXPIRES", "AUTHOR", "REASON"});
  const auto show = [&](const auto& entries) {
    ordered_json shown = ordered_json::array();
    for (const VerdictEntry& entry : entries) {
      shown.push_back(channel::to_json(entry));
      table.add({entry.prefix(), meaning(entry), expiry_text(entry), printable(entry.author(), 20),
                 printable(entry.reason())});
    }
    return shown;
  };
  const ordered_json guards = show(reply.guards()), sources = show(reply.sources());
  const bool found = !guards.empty() || !sources.empty();
  if (options.json) {
    print({{"version", reply.version()}, {"guards", guards}, {"sources", sources}});
    return found ? kOk : kNegative;
  }
  if (!found)
    return complain("nothing is guarded: mail from outside may go to everybody inside", kNegative);
  fmt::print("{}", table.to_string());
  return kOk;
}

}  // namespace

void add_guard_command(CLI::App& app, int* exit_code) {
  CLI::App* guard = app.add_subcommand(
      "guard", "Who from outside may connect to mail servers inside: add, remove, list");
  guard->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, int (*run)(const GuardOptions&)) {
    auto options = std::make_shared<GuardOptions>();
    CLI::App* command = guard->add_subcommand(name, help);
    options->add_to(*command);
    command->callback([options, run, exit_code] { *exit_code = run(*options); });
    return std::pair(command, options.get());
  };
  const auto add_prefix = [](CLI::App* command, GuardOptions* options) {
    command
        ->add_option("prefix", options->prefix,
                     "Address or prefix: 192.0.2.7, 192.0.2.0/24, 2001:db8::/32")
        ->type_name("ADDRESS|PREFIX")
        ->required()
        ->check(kPrefix);
    command->add_flag("--source", options->source,
                      "The prefix is of those who connect, not of those who are guarded");
  };

  const auto [set, set_options] =
      add("add", "Guard a prefix: only who is listed may open mail connections to it", add_guard);
  add_prefix(set, set_options);
  set->add_flag("--except", set_options->except,
                "This part of a wider prefix is not guarded; with --source: not listed");
  set->add_flag("--drop", set_options->drop,
                "Others get no answer; without it, that nobody listens (RST)");
  set->add_option("--reason", set_options->reason, "Why; kept, and shown to who asks")
      ->type_name("TEXT")
      ->required();
  set->add_option("--for", set_options->duration,
                  "How long: 30m, 1h, 7d; without it, until it is removed")
      ->type_name("TIME");

  const auto [remove, remove_options] =
      add("remove", "Take back what was said of exactly this prefix", remove_guard);
  add_prefix(remove, remove_options);
  remove_options->reason = "removed by hand";
  remove->add_option("--reason", remove_options->reason, "Why")
      ->type_name("TEXT")
      ->capture_default_str();

  add("list", "What is guarded, and who is listed", list_guards);
}

}  // namespace postern::cli
