#include <fmt/format.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "base/instance_lock.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/table.h"
#include "control/ledger/maintenance.h"

namespace postern::cli {
namespace {

using nlohmann::ordered_json;

struct LedgerOptions {
  std::string ledger = "/var/lib/postern/ledger.sqlite";
  std::string file;  // the backup
  bool json = false;
};

ordered_json to_json(const ledger::LedgerCheck& check) {
  ordered_json problems = ordered_json::array();
  for (const std::string& problem : check.problems) problems.push_back(printable(problem, 500));
  return {{"epoch", check.version.epoch}, {"version", check.version.number},
          {"verdicts", check.verdicts},   {"changes", check.changes},
          {"events", check.events},       {"problems", problems}};
}

// One line about the ledger, and one for each problem.
void print(const ledger::LedgerCheck& check, std::string_view what) {
  fmt::print("{}: version {}, {} verdicts, {} changes of them, {} events\n", what,
             check.version.number, check.verdicts, check.changes, check.events);
  for (const std::string& problem : check.problems) {
    fmt::print("  problem: {}\n", printable(problem, 500));
  }
}

ExitCode report(const ledger::LedgerCheck& check, std::string_view what, ordered_json more,
                const LedgerOptions& options) {
  if (options.json) {
    ordered_json out = to_json(check);
    out.update(more);
    fmt::print("{}\n", out.dump(2));
  } else {
    print(check, what);
  }
  return check.problems.empty() ? kOk : kNegative;
}

int check_ledger(const LedgerOptions& options) {
  const auto check = ledger::check_ledger(options.ledger);
  if (!check) return complain(check.error(), kUnreachable);
  const ExitCode code = report(*check, options.ledger, {{"ledger", options.ledger}}, options);
  if (code != kOk) {
    complain("the ledger is damaged: end postern-control, then `postern ledger restore BACKUP`",
             code);
  } else if (!options.json) {
    fmt::print("sound\n");
  }
  return code;
}

int back_up_ledger(const LedgerOptions& options) {
  const auto check = ledger::back_up_ledger(options.ledger, options.file);
  if (!check) return complain(check.error(), kUnreachable);
  const ExitCode code =
      report(*check, options.file, {{"ledger", options.ledger}, {"backup", options.file}}, options);
  if (code != kOk) complain("the ledger is damaged, and so is this copy of it", code);
  return code;
}

int restore_ledger(const LedgerOptions& options) {
  const auto lock = InstanceLock::take(options.ledger);
  if (!lock) return complain(lock.error(), kUnreachable);
  const auto restored = ledger::restore_ledger(options.file, options.ledger,
                                               static_cast<uint64_t>(std::time(nullptr)));
  if (!restored) return complain(restored.error(), kUnreachable);
  const std::string replaced = restored->replaced.string();
  const ExitCode code =
      report(restored->check, options.ledger,
             {{"ledger", options.ledger},
              {"restored_from", options.file},
              {"replaced", replaced.empty() ? ordered_json() : ordered_json(replaced)}},
             options);
  if (!options.json && !replaced.empty()) fmt::print("what was there is kept as {}\n", replaced);
  if (!options.json) {
    fmt::print("data planes get its verdicts anew once postern-control runs\n");
  }
  return code;
}

}  // namespace

void add_ledger_command(CLI::App& app, int* exit_code) {
  CLI::App* ledger =
      app.add_subcommand("ledger", "The control process's ledger file: check, backup, restore");
  ledger->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, int (*run)(const LedgerOptions&)) {
    auto options = std::make_shared<LedgerOptions>();
    CLI::App* command = ledger->add_subcommand(name, help);
    command->add_option("--ledger", options->ledger, "The file, as control.ledger names it")
        ->type_name("PATH")
        ->capture_default_str();
    command->add_flag("--json", options->json, "Print JSON instead of text");
    command->callback([options, run, exit_code] { *exit_code = run(*options); });
    return std::pair(command, options.get());
  };
  add("check", "Read all of it and compare verdicts with their history; changes nothing",
      check_ledger);
  const auto [backup, backup_options] =
      add("backup", "Copy it whole, also while postern-control runs", back_up_ledger);
  backup->add_option("to", backup_options->file, "A file that is not there yet")
      ->type_name("FILE")
      ->required();
  const auto [restore, restore_options] =
      add("restore", "Put a backup in its place; postern-control must not run", restore_ledger);
  restore->add_option("from", restore_options->file, "The backup")->type_name("FILE")->required();
}

}  // namespace postern::cli
