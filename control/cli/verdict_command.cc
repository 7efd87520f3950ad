#include <fmt/format.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "base/case_reference.h"
#include "base/duration.h"
#include "base/sender_part.h"
#include "base/time_text.h"
#include "control/channel/json.h"
#include "control/channel/treatment.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/table.h"
#include "control/cli/verdict_text.h"

namespace postern::cli {
namespace {

using namespace channel::v1;
using Desk = channel::v1::Operator::Stub;
using nlohmann::ordered_json;

// All options of all verdict commands; each command adds its own.
struct VerdictOptions : ControlOptions {
  std::string prefix;
  std::string treatment;
  std::string reason;
  std::string case_reference;
  std::string duration;
  std::string starttls = "policy";
  std::string of = "treatment";  // a switch
  std::string user;              // these two: a part of the sender's mail
  std::string from;
  uint32_t rate = 0;
};

// The part that the options name, as the desk wants it: empty, all of the sender's mail. The error
// is complained of.
std::expected<std::string, int> part_of(const VerdictOptions& options) {
  if (options.user.empty() && options.from.empty()) return "";
  if (options.of != channel::switch_name(SWITCH_SMORF_BLOCK)) {
    return std::unexpected(complain("--user and --from go with --switch smorf-block only", kUsage));
  }
  const auto part =
      SenderPart::parse(options.user.empty() ? "from:" + options.from : "user:" + options.user);
  if (!part) {
    return std::unexpected(complain(
        fmt::format("{}: {}", options.user.empty() ? "--from" : "--user", part.error()), kUsage));
  }
  return part->to_string();
}

int set_verdict(const VerdictOptions& options) {
  SetVerdictRequest request;
  request.set_prefix(options.prefix);
  request.set_treatment(*channel::parse_treatment(options.treatment));
  request.set_messages_per_minute(options.rate);
  request.set_starttls(*channel::parse_starttls(options.starttls));
  request.set_of(*channel::parse_switch(options.of));
  const auto part = part_of(options);
  if (!part) return part.error();
  request.set_part(*part);
  request.set_reason(options.reason);
  request.set_author(user_name());
  if (options.treatment == "throttle" && options.rate == 0) {
    return complain("throttle needs --rate N: the messages a minute that may pass", kUsage);
  }
  if (options.treatment != "throttle" && options.rate != 0) {
    return complain(fmt::format("--rate goes with throttle only, not with {}", options.treatment),
                    kUsage);
  }
  if (!options.duration.empty()) {
    const auto duration = parse_duration(options.duration);
    if (!duration) return complain("--for: " + duration.error(), kUsage);
    if (*duration < std::chrono::seconds(1))
      return complain("--for: a verdict holds for at least 1s", kUsage);
    request.set_for_seconds(
        static_cast<uint64_t>(std::chrono::ceil<std::chrono::seconds>(*duration).count()));
  }
  if (!options.case_reference.empty()) {
    const auto reference = CaseReference::parse(options.case_reference);
    if (!reference) {
      return complain(
          fmt::format("--case: '{}' is no case reference: ten characters such as 7F3A00KX1M",
                      options.case_reference),
          kUsage);
    }
    request.set_case_reference(reference->number);
  }
  ChangeReply reply;
  if (const int code = ControlConnection(options.socket).ask(&Desk::SetVerdict, request, &reply);
      code != kOk) {
    return code;
  }
  if (!options.json) {
    const VerdictEntry& entry = reply.entry();
    fmt::print("{}: {}{}{}\n", sender_text(entry), switch_text(entry),
               entry.case_reference() == 0 ? "" : ", case " + case_text(entry.case_reference()),
               entry.expires_unix_s() == 0 ? "" : ", until " + expiry_text(entry));
  }
  return report_reach(reply, options);
}

int clear_verdict(const VerdictOptions& options) {
  ClearVerdictRequest request;
  request.set_prefix(options.prefix);
  request.set_reason(options.reason);
  request.set_author(user_name());
  request.set_of(*channel::parse_switch(options.of));
  const auto part = part_of(options);
  if (!part) return part.error();
  request.set_part(*part);
  ChangeReply reply;
  if (const int code = ControlConnection(options.socket).ask(&Desk::ClearVerdict, request, &reply);
      code != kOk) {
    return code;
  }
  if (!options.json) {
    fmt::print("{}: the verdict {} is cleared\n", sender_text(reply.entry()),
               switch_text(reply.entry()));
  }
  return report_reach(reply, options);
}

int show_verdict(const VerdictOptions& options) {
  ShowVerdictRequest request;
  request.set_prefix(options.prefix);
  ShowVerdictReply reply;
  if (const int code = ControlConnection(options.socket).ask(&Desk::ShowVerdict, request, &reply);
      code != kOk) {
    return code;
  }
  if (options.json) {
    ordered_json history = ordered_json::array();
    for (const HistoryEntry& row : reply.history()) history.push_back(channel::to_json(row));
    ordered_json verdicts = ordered_json::array();
    for (const VerdictEntry& entry : reply.entries()) verdicts.push_back(channel::to_json(entry));
    print({{"verdicts", verdicts}, {"history", history}});
    return reply.entries_size() > 0 ? kOk : kNegative;
  }
  for (const VerdictEntry& entry : reply.entries()) {
    Table table({"prefix", sender_text(entry)});
    table.add({std::string(channel::switch_name(entry.of())), treatment_text(entry)});
    if (entry.case_reference() != 0) table.add({"case", case_text(entry.case_reference())});
    table.add({"reason", printable(entry.reason(), 500)});
    table.add({"set",
               fmt::format("{} by {}", local_time(entry.set_unix_s()), printable(entry.author()))});
    table.add({"expires", expiry_text(entry)});
    fmt::print("{}\n", table.to_string());
  }
  if (reply.history_size() > 0) {
    Table table({"WHEN", "SWITCH", "PART", "WHAT", "BY", "REASON"});
    for (const HistoryEntry& row : reply.history()) {
      table.add({local_time(row.entry().set_unix_s()),
                 std::string(channel::switch_name(row.entry().of())), printable(row.entry().part()),
                 row.action() == "set" ? treatment_text(row.entry()) : row.action(),
                 printable(row.entry().author()), printable(row.entry().reason())});
    }
    fmt::print("history, newest first\n{}", table.to_string());
  }
  if (reply.entries_size() > 0) return kOk;
  return complain(fmt::format("there is no verdict on exactly {0}; `postern verdict explain "
                              "ADDRESS` shows what covers it",
                              options.prefix),
                  kNegative);
}

int list_verdicts(const VerdictOptions& options) {
  ListVerdictsRequest request;
  request.set_within(options.prefix);
  ListVerdictsReply reply;
  if (const int code = ControlConnection(options.socket).ask(&Desk::ListVerdicts, request, &reply);
      code != kOk) {
    return code;
  }
  const bool found = reply.entries_size() > 0;
  if (options.json) {
    ordered_json entries = ordered_json::array();
    for (const VerdictEntry& entry : reply.entries()) entries.push_back(channel::to_json(entry));
    print({{"version", reply.version()}, {"verdicts", entries}});
    return found ? kOk : kNegative;
  }
  if (!found) {
    return complain(
        options.prefix.empty()
            ? "there are no verdicts: every sender gets the data plane's default treatment"
            : fmt::format("there are no verdicts within {}", options.prefix),
        kNegative);
  }
  Table table(kVerdictColumns);
  for (const VerdictEntry& entry : reply.entries()) add_verdict_row(table, entry);
  fmt::print("{}", table.to_string());
  return kOk;
}

void show_parts(const ExplainReply& reply) {
  if (reply.parts_size() == 0) return;
  Table table(kVerdictColumns);
  for (const VerdictEntry& entry : reply.parts()) add_verdict_row(table, entry);
  fmt::print("\nof these parts of its mail less passes; of each part the first counts\n{}",
             table.to_string());
}

int explain(const VerdictOptions& options) {
  ExplainRequest request;
  request.set_address(options.prefix);
  ExplainReply reply;
  if (const int code = ControlConnection(options.socket).ask(&Desk::Explain, request, &reply);
      code != kOk) {
    return code;
  }
  const std::string fallback(channel::treatment_name(reply.default_treatment()));
  if (options.json) {
    print(channel::to_json(reply, options.prefix));
    return kOk;
  }
  if (reply.chain_size() == 0) {
    fmt::print("{}: {}; no verdict covers it, so it gets the default\n", options.prefix, fallback);
    show_parts(reply);
    return kOk;
  }
  if (reply.has_in_force()) {
    fmt::print("{}: {}, by {} of {}\n", options.prefix, treatment_text(reply.in_force()),
               channel::switch_name(reply.in_force().of()), reply.in_force().prefix());
  } else {
    fmt::print("{}: {}, the default; no switch is stricter\n", options.prefix, fallback);
  }
  Table table(kVerdictColumns);
  for (const VerdictEntry& entry : reply.chain()) add_verdict_row(table, entry);
  fmt::print(
      "\nof each switch the most specific counts, which stands first, and of those the strictest; "
      "without a verdict the treatment would be {}\n{}",
      fallback, table.to_string());
  show_parts(reply);
  return kOk;
}

}  // namespace

void add_verdict_command(CLI::App& app, int* exit_code) {
  CLI::App* verdict =
      app.add_subcommand("verdict", "What senders may do: set, clear, show, list, explain");
  verdict->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, int (*run)(const VerdictOptions&)) {
    auto options = std::make_shared<VerdictOptions>();
    CLI::App* command = verdict->add_subcommand(name, help);
    options->add_to(*command);
    command->callback([options, run, exit_code] { *exit_code = run(*options); });
    return std::pair(command, options.get());
  };
  const auto add_prefix = [](CLI::App* command, VerdictOptions* options) {
    command
        ->add_option("prefix", options->prefix,
                     "Address or prefix: 192.0.2.7, 192.0.2.0/24, 2001:db8::/32")
        ->type_name("ADDRESS|PREFIX")
        ->required()
        ->check(kPrefix);
  };

  std::string switches = "What it is about:";
  std::vector<std::string> switch_names;
  for (const auto& row : channel::kSwitches) {
    if (!channel::is_about_sender(row.value)) continue;  // `postern guard` is for those
    switches += fmt::format("\n  {}: {}", row.name, row.help);
    switch_names.emplace_back(row.name);
  }
  const auto add_switch = [&](CLI::App* command, VerdictOptions* options) {
    command->add_option("--switch", options->of, switches)
        ->type_name("SWITCH")
        ->check(CLI::IsMember(switch_names))
        ->capture_default_str();
    CLI::Option* user =
        command
            ->add_option(
                "--user", options->user,
                "smorf-block: only mail of this AUTH user of the sender, with hold or refuse")
            ->type_name("NAME");
    command
        ->add_option("--from", options->from,
                     "smorf-block: only mail that this address or range hands in to the sender")
        ->type_name("ADDRESS|PREFIX")
        ->check(kPrefix)
        ->excludes(user);
  };

  const auto [set, set_options] = add("set", "Say what becomes of a sender's mail", set_verdict);
  add_prefix(set, set_options);
  add_switch(set, set_options);
  std::string treatments = "What becomes of its mail:";
  std::vector<std::string> names;
  for (const auto& row : channel::kTreatments) {
    treatments += fmt::format("\n  {}: {}", row.name, row.help);
    names.emplace_back(row.name);
  }
  set->add_option("treatment", set_options->treatment, treatments)
      ->type_name("TREATMENT")
      ->required()
      ->check([names](const std::string& given) {
        if (channel::parse_treatment(given)) return std::string();
        return fmt::format("'{}' is no treatment: write {}", given, CLI::detail::join(names, ", "));
      });
  set->add_option("--reason", set_options->reason, "Why; kept, and shown to who asks")
      ->type_name("TEXT")
      ->required();
  set->add_option("--rate", set_options->rate, "throttle: messages a minute that may pass")
      ->type_name("N");
  set->add_option("--for", set_options->duration,
                  "How long: 30m, 1h, 7d; without it, until it is cleared")
      ->type_name("TIME");
  std::string starttls = "What becomes of a server's offer of STARTTLS:";
  std::vector<std::string> starttls_names;
  for (const auto& row : channel::kStartTls) {
    starttls += fmt::format("\n  {}: {}", row.name, row.help);
    starttls_names.emplace_back(row.name);
  }
  set->add_option("--starttls", set_options->starttls, starttls)
      ->type_name("POLICY")
      ->check(CLI::IsMember(starttls_names))
      ->capture_default_str();
  set->add_option("--case", set_options->case_reference,
                  "Case that it belongs to; a restriction without gets a new one")
      ->type_name("CASE");

  const auto [clear, clear_options] =
      add("clear", "Take back what a switch says of exactly this prefix", clear_verdict);
  add_prefix(clear, clear_options);
  add_switch(clear, clear_options);
  clear_options->reason = "cleared by hand";
  clear->add_option("--reason", clear_options->reason, "Why")
      ->type_name("TEXT")
      ->capture_default_str();

  const auto [show, show_options] =
      add("show", "The verdicts on exactly this prefix, and its history", show_verdict);
  add_prefix(show, show_options);

  const auto [list, list_options] = add("list", "All verdicts", list_verdicts);
  list->add_option("--within", list_options->prefix, "Only those on this prefix or inside it")
      ->type_name("PREFIX")
      ->check(kPrefix);

  const auto [explain_command, explain_options] =
      add("explain", "Which verdict holds for an address, and which others cover it", explain);
  explain_command
      ->add_option("address", explain_options->prefix, "Address: 192.0.2.7 or 2001:db8::7")
      ->type_name("ADDRESS")
      ->required()
      ->check(kAddress);
}

}  // namespace postern::cli
