// postern-control: the process that knows who may send, and tells the data planes.
#include <fmt/format.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/allocator.h"
#include "base/config.h"
#include "base/instance_lock.h"
#include "base/version.h"
#include "control/api/server.h"
#include "control/cases/settings.h"
#include "control/ledger/sqlite_ledger.h"
#include "control/notify/settings.h"
#include "control/policy/settings.h"
#include "control/probe/settings.h"
#include "control/server/clock.h"
#include "control/server/remote_settings.h"
#include "control/server/server.h"
#include "control/settings.h"

namespace postern {
namespace {

constexpr int kUsageError = 2;
constexpr int kFailure = 1;

int fail(std::string_view what, int code) {
  fmt::print(stderr, "postern-control: {}\n", what);
  return code;
}

// Signals are taken by sigwait() alone, so they must be blocked before any thread begins.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return set;
}

void wait_for_the_end(const sigset_t& signals) {
  while (true) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal != SIGHUP) {
      spdlog::info("ending on {}", signal == SIGTERM ? "SIGTERM" : "SIGINT");
      return;
    }
    spdlog::info(
        "SIGHUP: certificates are read as gates connect, the configuration at a restart only");
  }
}

int run(const std::string& config_file) {
  const auto config = load_config(config_file, control_config_keys());
  if (!config) return fail(config.error(), kUsageError);
  const auto about_cases = cases::read_settings(*config);
  if (!about_cases)
    return fail(fmt::format("{}: {}", config_file, about_cases.error()), kUsageError);
  const auto ladder = policy::read_settings(*config);
  if (!ladder) return fail(fmt::format("{}: {}", config_file, ladder.error()), kUsageError);
  auto notices = notify::read_settings(*config);
  if (!notices) return fail(fmt::format("{}: {}", config_file, notices.error()), kUsageError);
  const auto probes = probe::read_settings(*config);
  if (!probes) return fail(fmt::format("{}: {}", config_file, probes.error()), kUsageError);
  const auto about_api = api::read_settings(*config);
  if (!about_api) return fail(fmt::format("{}: {}", config_file, about_api.error()), kUsageError);
  const auto remote = server::read_remote_settings(*config);
  if (!remote) return fail(fmt::format("{}: {}", config_file, remote.error()), kUsageError);
  spdlog::set_default_logger(spdlog::stderr_logger_mt("postern-control"));
  spdlog::set_level(spdlog::level::from_str(config->text("control.log_level")));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  const sigset_t signals = block_signals();

  umask(0027);  // the ledger holds addresses and subjects of people's mail
  const std::filesystem::path ledger_file = config->text("control.ledger");
  const auto ledger_lock = InstanceLock::take(ledger_file);
  if (!ledger_lock) return fail(ledger_lock.error(), kFailure);
  auto ledger = ledger::open_sqlite_ledger(ledger_file);
  if (!ledger) return fail(ledger.error(), kFailure);
  const auto keep = [&](std::string_view key) {
    return std::chrono::ceil<std::chrono::seconds>(config->duration(key));
  };
  const auto server = server::Server::start(
      **ledger,
      {.socket = config->text("control.socket"),
       .retention = {.events = keep("control.keep_events"),
                     .evidence = keep("control.keep_evidence"),
                     .sender_counts = keep("control.keep_sender_counts")},
       .identity = {.software = std::string(kVersion),
                    .allocator = allocator_name(),
                    .started_unix_s = server::unix_s()},
       .restoration = about_cases->restoration,
       .policy = *ladder,
       .notices = std::move(*notices),
       .probe = *probes,
       .case_page = {.url = about_cases->page_url, .link_good_for = about_cases->link_good_for},
       .remote = *remote});
  if (!server) return fail(server.error(), kFailure);
  spdlog::info("postern-control {} serves on {}, ledger {} at version {}, {}", kVersion,
               config->text("control.socket"), ledger_file.string(), (*ledger)->version().number,
               allocator_name());
  if (!remote->listen.empty()) spdlog::info("gates on other machines: {}", remote->listen);
  std::unique_ptr<api::Server> api;
  if (!about_api->address.empty()) {
    auto started = api::Server::start(**ledger, (*server)->channel(), *about_api);
    if (!started) return fail(started.error(), kFailure);
    api = std::move(*started);
    spdlog::info("API and console on {} port {}", about_api->address, api->port());
  }
  wait_for_the_end(signals);
  return 0;
}

}  // namespace
}  // namespace postern

int main(int argc, char** argv) {
  CLI::App app(
      "The control process of Postern: keeps verdicts and events, and tells the data planes.",
      "postern-control");
  std::string config_file;
  bool help_config = false;
  app.add_option("--config", config_file, "Configuration file (TOML)")->type_name("FILE");
  app.add_flag("--help-config", help_config,
               "Print a documented configuration file with all defaults");
  app.set_version_flag("--version", "postern-control " + std::string(postern::kVersion));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : postern::kUsageError;
  }
  if (help_config) {
    fmt::print("{}", postern::describe_config(postern::control_config_keys()));
    return 0;
  }
  if (config_file.empty()) {
    return postern::fail(
        "name a configuration: postern-control --config FILE (--help-config prints one to start "
        "from)",
        postern::kUsageError);
  }
  return postern::run(config_file);
}
