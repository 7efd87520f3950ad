#include "control/cli/signatures/compilation.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/version.h"
#include "control/cli/signatures/cost_sample.h"

namespace postern::cli {
namespace {

// Null: there is none. A cache is a convenience: what is wrong with it stops nobody.
std::unique_ptr<compile::Cache> open_cache(const CompilationArguments& arguments) {
  if (arguments.no_cache) return {};
  const std::filesystem::path folder =
      arguments.cache.empty()
          ? default_cache(geteuid() == 0, std::getenv("XDG_CACHE_HOME"), std::getenv("HOME"))
          : std::filesystem::path(arguments.cache);
  if (folder.empty()) return {};
  auto cache = std::make_unique<compile::Cache>(folder);
  if (cache->is_usable()) return cache;
  fmt::print(stderr,
             "postern: warning: {} is not used as a cache: {}; everything is found out anew "
             "(--cache DIR takes another, --no-cache none)\n",
             folder.string(), cache->obstacle());
  return {};
}

void close_cache(const compile::Cache& cache) {
  cache.trim();
  if (const int error = cache.store_error(); error != 0) {
    fmt::print(stderr, "postern: warning: not all could be kept in the cache {}: {}\n",
               cache.folder().string(), std::strerror(error));
  }
}

}  // namespace

std::filesystem::path default_cache(bool is_root, const char* xdg_cache_home, const char* home) {
  if (is_root) return "/var/cache/postern";
  if (xdg_cache_home != nullptr && xdg_cache_home[0] == '/')
    return std::filesystem::path(xdg_cache_home) / "postern";
  if (home != nullptr && home[0] == '/') return std::filesystem::path(home) / ".cache/postern";
  return {};
}

void add_compilation_options(CLI::App& command, CompilationArguments& arguments) {
  command
      .add_option("--sample", arguments.sample,
                  fmt::format("Measure costs on the messages here (a folder with all below it, or "
                              "an mbox; several times) and not on built-in text; {} KiB of each "
                              "target, drawn from {} files at most",
                              kSampleBytes / 1024, kSampleFiles))
      ->type_name("DIR")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      .add_option("--budget", arguments.budget_seconds,
                  "Processor seconds that Hyperscan may take to compile one expression")
      ->check(CLI::Range(1U, 3600U))
      ->capture_default_str();
  auto* cache =
      command
          .add_option("--cache", arguments.cache,
                      "Where what was found out of each expression is kept for the next time "
                      "(default: $XDG_CACHE_HOME/postern, ~/.cache/postern; root's is "
                      "/var/cache/postern)")
          ->type_name("DIR");
  command.add_flag("--no-cache", arguments.no_cache, "Find out everything anew")->excludes(cache);
}

std::expected<Compilation, std::string> compile_rules(const language::RuleSet& rules,
                                                      const CompilationArguments& arguments) {
  Compilation out;
  compile::CompileOptions options;
  options.compiler = fmt::format("postern {}", kVersion);
  options.placement.at_once = arguments.jobs;
  options.placement.trial_seconds = arguments.budget_seconds;
  if (!arguments.sample.empty()) {
    auto sample = take_cost_sample(arguments.sample);
    if (!sample) return std::unexpected(std::move(sample.error()));
    out.sample_messages = sample->messages;
    for (const auto& [target, elements] : sample->texts) {
      for (const std::string& element : elements) out.sample_bytes[target] += element.size();
    }
    options.sample = std::move(sample->texts);
  }
  const auto cache = open_cache(arguments);
  options.placement.cache = cache.get();
  auto compiled = compile::compile(rules, options);
  if (!compiled) return std::unexpected(std::move(compiled.error()));
  if (cache) close_cache(*cache);
  if (const uint32_t failed = compiled->report.trials_failed; failed > 0) {
    fmt::print(stderr,
               "postern: warning: {} expressions could not be tried with Hyperscan for want of "
               "memory and may be searched for in a dearer way; compile again with fewer --jobs\n",
               failed);
  }
  out.compiled = std::move(*compiled);
  return out;
}

}  // namespace postern::cli
