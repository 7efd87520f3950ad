#include <fmt/format.h>

#include <ctime>

#include "base/replace_file.h"
#include "control/channel/treatment.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/feeds/zone.h"

namespace postern::cli {
namespace {

using namespace channel::v1;
using Desk = channel::v1::Operator::Stub;

struct ExportOptions : ControlOptions {
  feeds::Zone zone;
  std::string format = "ip4trie";
  std::string of = "smorf-block";
  std::string file;
};

int export_zone(ExportOptions options) {
  ListVerdictsReply reply;
  if (const int code =
          ControlConnection(options.socket).ask(&Desk::ListVerdicts, ListVerdictsRequest(), &reply);
      code != kOk) {
    return code;
  }
  std::vector<feeds::Entry> entries;
  for (const VerdictEntry& entry : reply.entries()) {
    const auto prefix = IpPrefix::parse(entry.prefix());
    if (!prefix || entry.of() != *channel::parse_switch(options.of)) continue;
    // A zone can only list all of a sender's mail, and the rest of it is nobody's fault.
    if (!entry.part().empty()) continue;
    const bool is_listed = entry.treatment() == TREATMENT_REFUSE ||
                           entry.treatment() == TREATMENT_DROP ||
                           entry.treatment() == TREATMENT_HOLD;
    entries.push_back({*prefix, !is_listed, ""});
  }
  options.zone.format = *feeds::parse_format(options.format);
  options.zone.published_unix_s = static_cast<uint64_t>(std::time(nullptr));
  const auto zone = feeds::write_zone(options.zone, std::move(entries));
  if (!zone) return complain(zone.error(), kUsage);
  if (options.file.empty()) {
    fmt::print("{}", *zone);
    return kOk;
  }
  const auto written =
      replace_file(options.file, {reinterpret_cast<const uint8_t*>(zone->data()), zone->size()});
  if (!written) return complain(written.error(), kUnreachable);
  return kOk;
}

}  // namespace

void add_feed_export_command(CLI::App& feed, int* exit_code) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command = feed.add_subcommand(
      "export", "Write who may not send as a zone for rbldnsd, to the terminal or a file");
  options->add_to(*command);
  command->add_option("--format", options->format, "The kind of zone")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"ip4set", "ip4trie", "ip6trie"}))
      ->capture_default_str();
  command->add_option("--switch", options->of, "Whose verdicts are listed")
      ->type_name("SWITCH")
      ->check(CLI::IsMember({"treatment", "trusted-relay", "smorf-block", "range-exclusion"}))
      ->capture_default_str();
  command->add_option("--to", options->file, "Replaced as a whole: rbldnsd reads it anew by itself")
      ->type_name("FILE");
  command->add_option("--ns", options->zone.servers, "The zone's DNS servers, for $SOA and $NS")
      ->type_name("NAME");
  command
      ->add_option("--contact", options->zone.contact,
                   "Who answers for the zone: admin.example.com")
      ->type_name("NAME");
  command->add_option("--ttl", options->zone.ttl_s, "How long answers may be kept")
      ->type_name("SECONDS")
      ->capture_default_str();
  command->add_option("--value", options->zone.value, "The address that is the answer")
      ->type_name("ADDRESS")
      ->capture_default_str();
  command->add_option("--text", options->zone.text, "The text beside it; $ becomes the address")
      ->type_name("TEXT");
  command->callback([options, exit_code] { *exit_code = export_zone(*options); });
}

}  // namespace postern::cli
