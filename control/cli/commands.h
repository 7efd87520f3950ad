// Commands that talk to the control process. Each add_* puts a command into `app`; when it is run,
// it stores its exit code (control_connection.h) in `exit_code`, which must outlive the app's
// parsing.
#pragma once

#include <CLI/CLI.hpp>

namespace postern::cli {

void add_verdict_command(CLI::App& app, int* exit_code);
// The inbound guard.
void add_guard_command(CLI::App& app, int* exit_code);
void add_status_command(CLI::App& app, int* exit_code);
void add_top_command(CLI::App& app, int* exit_code);
void add_events_command(CLI::App& app, int* exit_code);
void add_audit_command(CLI::App& app, int* exit_code);
void add_policy_command(CLI::App& app, int* exit_code);
void add_customer_command(CLI::App& app, int* exit_code);
void add_sender_command(CLI::App& app, int* exit_code);
void add_case_command(CLI::App& app, int* exit_code);
void add_api_command(CLI::App& app, int* exit_code);
void add_feed_command(CLI::App& app, int* exit_code);
void add_probe_command(CLI::App& app, int* exit_code);
// Under `postern feed`.
void add_feed_export_command(CLI::App& feed, int* exit_code);
void add_notify_command(CLI::App& app, int* exit_code);
// Works on files; needs no control process.
void add_ledger_command(CLI::App& app, int* exit_code);
// Those of `signatures` that talk to the control process; that command is there already.
void add_signature_loading_commands(CLI::App& signatures, int* exit_code);

}  // namespace postern::cli
