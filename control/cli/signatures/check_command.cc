#include "control/cli/signatures/check_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "control/cli/table.h"
#include "patterns/language/reader.h"
#include "patterns/language/review.h"

namespace postern::cli {
namespace {

using nlohmann::json;

constexpr int kClean = 0;
constexpr int kWarnings = 1;
constexpr int kErrors = 2;
constexpr size_t kLineShown = 1000;

struct CheckArguments {
  std::vector<std::string> sources;
  bool as_json = false;
};

struct Warning {
  std::string_view kind;
  language::Diagnostic diagnostic;
};

std::vector<Warning> warnings_of(const language::RuleSet& rules) {
  std::vector<Warning> out;
  for (const auto& warning : rules.warnings) out.push_back({"definition", warning});
  for (const auto& remark : language::review(rules)) {
    out.push_back({language::kRemarkKindNames[static_cast<size_t>(remark.kind)],
                   {rules.files[remark.place.file].path, remark.place.line, remark.what}});
  }
  std::ranges::stable_sort(out, [](const Warning& a, const Warning& b) {
    return std::tie(a.diagnostic.file, a.diagnostic.line) <
           std::tie(b.diagnostic.file, b.diagnostic.line);
  });
  return out;
}

void print_json(const std::vector<language::Diagnostic>& errors,
                const std::vector<Warning>& warnings, size_t rules) {
  json out{{"errors", json::array()}, {"warnings", json::array()}, {"rules", rules}};
  for (const auto& error : errors) {
    out["errors"].push_back({{"file", error.file}, {"line", error.line}, {"error", error.what}});
  }
  for (const auto& [kind, warning] : warnings) {
    out["warnings"].push_back({{"file", warning.file},
                               {"line", warning.line},
                               {"kind", kind},
                               {"warning", warning.what}});
  }
  // Rule files may hold bytes that are no UTF-8.
  fmt::print("{}\n", out.dump(-1, ' ', false, json::error_handler_t::replace));
}

int run_check(const CheckArguments& arguments) {
  const std::vector<std::filesystem::path> sources(arguments.sources.begin(),
                                                   arguments.sources.end());
  const auto rules = language::read_rules(sources);
  const std::vector<language::Diagnostic> errors =
      rules ? std::vector<language::Diagnostic>{} : rules.error();
  const std::vector<Warning> warnings = rules ? warnings_of(*rules) : std::vector<Warning>{};
  const size_t count = rules ? rules->rules.size() : 0;
  if (arguments.as_json) {
    print_json(errors, warnings, count);
  } else {
    // Rule files may hold anything.
    for (const auto& error : errors)
      fmt::print("error: {}\n", printable(error.to_string(), kLineShown));
    for (const auto& [kind, warning] : warnings)
      fmt::print("{}: {}\n", kind, printable(warning.to_string(), kLineShown));
    if (errors.empty()) {
      fmt::print("{} rules, 0 errors, {} warnings\n", count, warnings.size());
    } else {
      fmt::print("{} errors; what is hardly meant is told when there are none\n", errors.size());
    }
  }
  if (!errors.empty()) return kErrors;
  return warnings.empty() ? kClean : kWarnings;
}

}  // namespace

void add_check_command(CLI::App& signatures, int* exit_code) {
  auto arguments = std::make_shared<CheckArguments>();
  CLI::App* check = signatures.add_subcommand(
      "check", "Tell what is wrong with rule files: errors, rules that never or always match, …");
  check->add_option("SRC", arguments->sources, "Rule files or directories")->required();
  check->add_flag("--json", arguments->as_json, "Print a JSON object");
  check->callback([=] { *exit_code = run_check(*arguments); });
}

}  // namespace postern::cli
