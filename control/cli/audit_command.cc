#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "control/channel/cases.grpc.pb.h"
#include "control/channel/json.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/table.h"
#include "control/cli/verdict_text.h"

namespace postern::cli {
namespace {

using namespace channel::v1;
using nlohmann::ordered_json;

struct AuditOptions : ControlOptions {
  std::string author, subject;
  uint32_t limit = 100;
};

int show_audit(const AuditOptions& options) {
  ListAuditRequest request;
  request.set_author(options.author);
  request.set_subject(options.subject);
  request.set_limit(options.limit);
  ListAuditReply reply;
  if (const int code =
          ControlConnection(options.socket).ask(&CaseDesk::Stub::ListAudit, request, &reply);
      code != kOk)
    return code;
  if (options.json) {
    ordered_json rows = ordered_json::array();
    for (const AuditRow& row : reply.rows()) rows.push_back(channel::to_json(row));
    print({{"audit", rows}});
    return reply.rows_size() > 0 ? kOk : kNegative;
  }
  if (reply.rows_size() == 0) return complain("nothing of that was written down", kNegative);
  Table table({"WHEN", "BY", "WHAT", "ABOUT", "DETAIL"});
  for (const AuditRow& row : reply.rows()) {
    table.add({local_time(row.at_unix_s()), printable(row.author(), 30), printable(row.action()),
               printable(row.subject()), printable(row.detail(), 200)});
  }
  fmt::print("{}", table.to_string());
  return kOk;
}

}  // namespace

void add_audit_command(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<AuditOptions>();
  CLI::App* command = app.add_subcommand(
      "audit",
      "Who changed what beside verdicts and cases, newest first; what a shadow policy said");
  options->add_to(*command);
  command->add_option("--author", options->author, "Only by this one")->type_name("NAME");
  command->add_option("--about", options->subject, "Only about this: a customer, a sender")
      ->type_name("NAME");
  command->add_option("--limit", options->limit, "At most so many")
      ->type_name("N")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command->callback([options, exit_code] { *exit_code = show_audit(*options); });
}

}  // namespace postern::cli
