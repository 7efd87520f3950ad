// postern: the operator's command line.
#include <CLI/CLI.hpp>

#include "base/version.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/inspect/inspect_command.h"
#include "control/cli/signatures/scan_command.h"
#include "control/cli/signatures/signatures_command.h"

int main(int argc, char** argv) {
  CLI::App app("Postern stops outbound spam between mail servers and the Internet.", "postern");
  app.footer(
      "Exit status: 0 done, or found; 1 nothing found, nowhere in force, or (scan) spam,\n"
      "(signatures check) warnings, (signatures test) too much ham refused;\n"
      "2 wrong usage or input; 3 the control process cannot be reached or cannot do its work.");
  app.set_version_flag("--version", "postern " + std::string(postern::kVersion));
  app.require_subcommand(1);
  int exit_code = 0;
  postern::cli::add_verdict_command(app, &exit_code);
  postern::cli::add_status_command(app, &exit_code);
  postern::cli::add_top_command(app, &exit_code);
  postern::cli::add_events_command(app, &exit_code);
  postern::cli::add_sender_command(app, &exit_code);
  postern::cli::add_case_command(app, &exit_code);
  postern::cli::add_probe_command(app, &exit_code);
  postern::cli::add_guard_command(app, &exit_code);
  postern::cli::add_notify_command(app, &exit_code);
  postern::cli::add_audit_command(app, &exit_code);
  postern::cli::add_api_command(app, &exit_code);
  postern::cli::add_policy_command(app, &exit_code);
  postern::cli::add_customer_command(app, &exit_code);
  postern::cli::add_feed_command(app, &exit_code);
  postern::cli::add_ledger_command(app, &exit_code);
  postern::cli::add_signatures_command(app, &exit_code);
  postern::cli::add_signature_loading_commands(*app.get_subcommand("signatures"), &exit_code);
  postern::cli::add_scan_command(app, &exit_code);
  postern::cli::add_inspect_command(app, &exit_code);
  return postern::cli::run_command_line(app, argc, argv, exit_code);
}
