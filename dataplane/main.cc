// postern-dataplane: the poll-mode process.
#include <fmt/format.h>
#include <rte_eal.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "dataplane/gate.h"
#include "dataplane/settings.h"
#include "dataplane/telemetry.h"

namespace postern {
namespace {

// Exit codes, as in the manual.
constexpr int kStopped = 0, kCannotStart = 1, kUsage = 2;

struct NoEvents final : worker::EventSink {
  worker::Event* reserve() override { return nullptr; }
  void publish(worker::Event*) override {}
};

void fail(std::string_view what) { std::cerr << "postern-dataplane: " << what << "\n"; }

// Blocked before any thread begins, so that all inherit it: the main thread takes signals when it
// asks for them.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return set;
}

int run(const Settings& settings) {
  const sigset_t signals = block_signals();
  const ports::EalConfig eal{
      .gate = settings.gate,
      .devices = settings.devices,
      .huge_pages = settings.huge_pages,
      .memory_bytes = Gate::memory_needed(settings),
      .lcores = Gate::lcores_needed(settings),
      .cpus = settings.cpus,
      .verbose = settings.log_level == "debug",
      .options = settings.eal_options,
  };
  if (auto started = ports::start_eal(eal); !started) {
    fail(started.error());
    return kCannotStart;
  }
  auto verdicts = verdict::VerdictTable::create({.capacity = settings.verdicts,
                                                 .readers = settings.workers,
                                                 .default_treatment = settings.default_treatment});
  if (!verdicts) {
    fail(verdicts.error());
    return kCannotStart;
  }
  std::vector<NoEvents> sinks(settings.workers);
  std::vector<worker::EventSink*> events;
  for (NoEvents& sink : sinks) events.push_back(&sink);
  auto gate = Gate::assemble(settings, verdicts->get(), events);
  if (!gate) {
    fail(gate.error());
    return kCannotStart;
  }
  const auto log = [](const std::string& line) { spdlog::info(line); };
  if (auto launched = (*gate)->launch(); !launched) {
    fail(launched.error());
    return kCannotStart;
  }
  register_telemetry(gate->get());
  spdlog::info("gate {} is up: {}", settings.gate, (*gate)->describe_distribution());
  for (;;) {
    (*gate)->tick(log);
    const timespec second{.tv_sec = 1, .tv_nsec = 0};
    const int signal = sigtimedwait(&signals, nullptr, &second);
    if (signal == SIGTERM || signal == SIGINT) break;
  }
  spdlog::info("stopping");
  (*gate)->stop();
  for (const std::string& line : (*gate)->describe_ports()) spdlog::info(line);
  register_telemetry(nullptr);
  gate->reset();
  rte_eal_cleanup();
  return kStopped;
}

void set_up_log(const std::string& level) {
  auto logger = spdlog::stderr_logger_mt("postern-dataplane");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  logger->set_level(spdlog::level::from_str(level));
  spdlog::set_default_logger(std::move(logger));
}

int main_of(std::vector<std::string> arguments) {
  // What stands behind "--" is DPDK's.
  std::vector<std::string> eal_options;
  if (const auto at = std::ranges::find(arguments, "--"); at != arguments.end()) {
    eal_options.assign(at + 1, arguments.end());
    arguments.erase(at, arguments.end());
  }
  CLI::App app(
      "The inline SMTP filter: forwards between two ports and refuses spam on its way.\n"
      "Options behind \"--\" go to DPDK's EAL.",
      "postern-dataplane");
  app.set_version_flag("--version", "postern-dataplane " POSTERN_VERSION);
  std::string config;
  bool help_config = false, check = false;
  app.add_option("--config", config, "the configuration, a TOML file")->type_name("FILE");
  app.add_flag("--help-config", help_config, "print every configuration key, explained, and exit");
  app.add_flag("--check", check, "read the configuration, say what is wrong with it, and exit");
  std::ranges::reverse(arguments);
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kStopped : kUsage;
  }
  if (help_config) {
    std::cout << describe_config(settings_table());
    return kStopped;
  }
  if (config.empty()) {
    fail("--config FILE is required; --help-config prints a file to begin with");
    return kUsage;
  }
  auto settings = Settings::load(config);
  if (!settings) {
    fail(settings.error());
    return kUsage;
  }
  if (check) {
    std::cout << config << ": correct\n";
    return kStopped;
  }
  settings->eal_options.insert(settings->eal_options.end(), eal_options.begin(), eal_options.end());
  set_up_log(settings->log_level);
  return run(*settings);
}

}  // namespace
}  // namespace postern

int main(int argc, char** argv) {
  return postern::main_of(std::vector<std::string>(argv + 1, argv + argc));
}
