// Compiling rules as every command does it: with the cache, and what the operator says of it.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "patterns/compile/compiler.h"

namespace postern::cli {

struct CompilationArguments {
  std::vector<std::string> sample;  // folders; none: the built-in text
  std::string cache;                // empty: the default folder
  bool no_cache = false;
  unsigned jobs = 1;
  unsigned budget_seconds = compile::PlacementOptions{}.trial_seconds;
};

// Adds --sample, --budget, --cache and --no-cache; `jobs` is the command's own.
void add_compilation_options(CLI::App& command, CompilationArguments& arguments);

struct Compilation {
  compile::Compiled compiled;
  size_t sample_messages = 0;                         // 0: the built-in text alone
  std::map<language::Target, uint64_t> sample_bytes;  // of those targets that they gave
};

// Warnings go to standard error; the error says what to do.
std::expected<Compilation, std::string> compile_rules(const language::RuleSet& rules,
                                                      const CompilationArguments& arguments);

// Where the cache is when nobody says: root's is the machine's, another user's his own. Empty:
// there is no place for it. The environment's values may be null.
std::filesystem::path default_cache(bool is_root, const char* xdg_cache_home, const char* home);

}  // namespace postern::cli
