// postern-dataplane: the poll-mode process. Reads the command line and the configuration; its life
// is in process.cc.
#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "base/version.h"
#include "dataplane/process.h"
#include "dataplane/settings.h"

namespace postern {
namespace {

int fail(std::string_view what) {
  std::cerr << "postern-dataplane: " << what << "\n";
  return kUsage;
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
  std::string config;
  bool help_config = false, check = false;
  app.set_version_flag("--version", fmt::format("postern-dataplane {}", kVersion));
  app.add_option("--config", config, "the configuration, a TOML file")->type_name("FILE");
  app.add_flag("--help-config", help_config, "print every configuration key, explained, and exit");
  app.add_flag("--check", check, "read the configuration, say what is wrong with it, and exit");
  std::ranges::reverse(arguments);  // as CLI11 takes a vector
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kStopped : kUsage;
  }
  if (help_config) {
    std::cout << describe_config(settings_table());
    return kStopped;
  }
  if (config.empty())
    return fail("--config FILE is required; --help-config prints a file to begin with");
  auto settings = Settings::load(config);
  if (!settings) return fail(settings.error());
  if (check) {
    std::cout << config << ": correct\n";
    return kStopped;
  }
  settings->eal_options.insert(settings->eal_options.end(), eal_options.begin(), eal_options.end());
  set_up_log(settings->log_level);
  return run_data_plane(*settings);
}

}  // namespace
}  // namespace postern

int main(int argc, char** argv) {
  return postern::main_of(std::vector<std::string>(argv + 1, argv + argc));
}
