#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/time_text.h"
#include "control/cases/subject.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/table.h"
#include "control/cli/verdict_text.h"
#include "control/policy/replay.h"
#include "control/policy/settings.h"
#include "control/settings.h"

namespace postern::cli {
namespace {

using nlohmann::ordered_json;

struct PolicyOptions : ControlOptions {
  std::string config, client;
};

constexpr uint32_t kMostEvents = 10'000;

std::expected<policy::Settings, std::string> ladder_of(const std::string& file) {
  if (file.empty()) return policy::usual_settings();
  const auto config = load_config(file, control_config_keys());
  if (!config) return std::unexpected(config.error());
  return policy::read_settings(*config);
}

int try_policy(const PolicyOptions& options) {
  const auto settings = ladder_of(options.config);
  if (!settings) return complain(settings.error(), kUsage);
  channel::v1::ListEventsRequest request;
  request.set_client(options.client);
  request.set_limit(kMostEvents);
  channel::v1::ListEventsReply reply;
  if (const int code = ControlConnection(options.socket)
                           .ask(&channel::v1::Operator::Stub::ListEvents, request, &reply);
      code != kOk)
    return code;
  if (reply.events_size() == 0) return complain("there are no events to try it on", kNegative);
  const std::vector<channel::v1::Event> events(reply.events().rbegin(), reply.events().rend());
  const uint64_t since = events.front().wall_us() / 1'000'000;
  const auto steps = policy::replay(events, *settings);
  const auto subject_of = [](const policy::WouldHave& step) {
    return cases::describe({IpPrefix::host(step.server), step.finding.part.to_string()});
  };
  if (options.json) {
    ordered_json rows = ordered_json::array();
    for (const policy::WouldHave& step : steps) {
      rows.push_back({{"at", utc_time(step.at_unix_s)},
                      {"server", step.server.to_string()},
                      {"part", step.finding.part.to_string()},
                      {"step", ledger::step_name(step.finding.step)},
                      {"reason", step.finding.reason}});
    }
    print({{"events", reply.events_size()}, {"since", utc_time(since)}, {"steps", rows}});
    return steps.empty() ? kNegative : kOk;
  }
  fmt::print("{} events since {}\n", reply.events_size(), local_time(since));
  if (reply.events_size() == static_cast<int>(kMostEvents))
    fmt::print("(the newest ones: there are more)\n");
  if (steps.empty()) return complain("nobody would have been on any rung", kNegative);
  Table table({"WHEN", "STEP", "SENDER", "WHY"});
  for (const policy::WouldHave& step : steps) {
    table.add({local_time(step.at_unix_s), std::string(ledger::step_name(step.finding.step)),
               printable(subject_of(step), 100), printable(step.finding.reason, 200)});
  }
  fmt::print("{}", table.to_string());
  return kOk;
}

}  // namespace

void add_policy_command(CLI::App& app, int* exit_code) {
  CLI::App* policy = app.add_subcommand("policy", "The ladder of consequences");
  policy->require_subcommand(1);
  auto options = std::make_shared<PolicyOptions>();
  CLI::App* attempt = policy->add_subcommand(
      "try", "What a ladder would have done about the last 10,000 events; nothing is changed");
  options->add_to(*attempt);
  attempt
      ->add_option("--config", options->config,
                   "A configuration of the control process, for its [policy] sections; without "
                   "it, the shipped ladder")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  attempt->add_option("--client", options->client, "Only of these senders")
      ->type_name("ADDRESS|PREFIX")
      ->check(kPrefix);
  attempt->callback([options, exit_code] { *exit_code = try_policy(*options); });
}

}  // namespace postern::cli
