#include "control/cli/signatures/signatures_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <hs/hs.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "control/cli/signatures/check_command.h"
#include "control/cli/signatures/compilation.h"
#include "control/cli/signatures/exit_status.h"
#include "control/cli/signatures/key_commands.h"
#include "control/cli/signatures/test_command.h"
#include "control/cli/table.h"
#include "patterns/artefact/artefact.h"
#include "patterns/compile/compiler.h"
#include "patterns/language/reader.h"

namespace postern::cli {
namespace {

using nlohmann::json;

struct CompileArguments {
  std::vector<std::string> sources;
  std::string output;
  std::string key;  // empty: not signed
  bool as_json = false;
  bool verbose = false;
  bool report = false;
  CompilationArguments compilation{.jobs = std::max(std::thread::hardware_concurrency(), 1U)};
};

struct ShowArguments {
  std::string set;
  bool as_json = false;
  bool rules = false;
};

// Rule files may hold bytes that are no UTF-8.
void print(const json& value) {
  fmt::print("{}\n", value.dump(-1, ' ', false, json::error_handler_t::replace));
}

int report_errors(const std::vector<language::Diagnostic>& errors, bool as_json) {
  if (as_json) {
    json list = json::array();
    for (const auto& error : errors) {
      list.push_back({{"file", error.file}, {"line", error.line}, {"error", error.what}});
    }
    print({{"compiled", false}, {"errors", list}});
  }
  for (const auto& error : errors) fmt::print(stderr, "{}\n", printable(error.to_string(), 1000));
  fmt::print(stderr, "{} error{}; nothing was written\n", errors.size(),
             errors.size() == 1 ? "" : "s");
  return kInputError;
}

std::string_view class_name(artefact::ExpressionClass kind) {
  return artefact::kExpressionClassNames[static_cast<size_t>(kind)];
}

json report_json(const language::RuleSet& rules, const compile::CompileReport& report) {
  json accepted = json::array();
  for (const auto& directive : rules.accepted) {
    accepted.push_back({{"directive", directive.name},
                        {"count", directive.count},
                        {"why", directive.why},
                        {"file", rules.files[directive.first.file].path},
                        {"line", directive.first.line}});
  }
  json expressions = json::array();
  for (const auto& expression : report.expressions) {
    expressions.push_back(
        {{"rule", expression.rule},
         {"class", class_name(expression.kind)},
         {"ns_per_byte", expression.cost_ns},
         {"other_ns_per_byte", expression.other_ns ? json(*expression.other_ns) : json()},
         {"factors", expression.factors},
         {"why", expression.why}});
  }
  json not_run = json::array();
  for (const auto& rule : report.not_run)
    not_run.push_back({{"rule", rule.rule}, {"why", rule.why}});
  return {{"rules", report.rules},
          {"sub_rules", report.sub_rules},
          {"metas", report.metas},
          {"native", report.native},
          {"confirmed", report.confirmed},
          {"pcre2_alone", report.pcre2_alone},
          {"factored", report.factored},
          {"cached_expressions", report.cached},
          {"cached_databases", report.cached_databases},
          {"expressions", expressions},
          {"not_run", not_run},
          {"accepted_without_effect", accepted},
          {"skipped_by_conditions", rules.skipped_rules}};
}

void print_report(const language::RuleSet& rules, const compile::CompileReport& report,
                  bool verbose) {
  fmt::print("{} rules and {} sub-rules from {} file{}\n", report.rules, report.sub_rules,
             rules.files.size(), rules.files.size() == 1 ? "" : "s");
  fmt::print(
      "expressions: {} factored, {} native, {} confirmed by PCRE2, {} by PCRE2 alone; {} metas\n",
      report.factored, report.native, report.confirmed, report.pcre2_alone, report.metas);
  if (report.cached > 0 || report.cached_databases > 0) {
    fmt::print("from the cache: {} of {} expressions, {} databases\n", report.cached,
               report.expressions.size(), report.cached_databases);
  }
  if (!report.not_run.empty()) {
    fmt::print("not run: {} rules{}\n", report.not_run.size(),
               verbose ? "" : " (--verbose lists them)");
    for (const auto& rule : report.not_run) {
      if (verbose) fmt::print("  {:<40} {}\n", rule.rule, rule.why);
    }
  }
  if (!rules.skipped_rules.empty()) {
    fmt::print("left out by if and ifplugin: {} rules\n", rules.skipped_rules.size());
  }
  for (const auto& directive : rules.accepted) {
    fmt::print("without effect: {:<28} {:>5} ×  {} ({}:{})\n", directive.name, directive.count,
               directive.why, rules.files[directive.first.file].path, directive.first.line);
  }
}

// The dearest first.
void print_expressions(std::vector<compile::ExpressionReport> expressions) {
  std::ranges::stable_sort(expressions, std::greater{}, &compile::ExpressionReport::cost_ns);
  fmt::print("{:>9} {:>9}  {:<9} {:<36} {}\n", "ns/byte", "otherwise", "class", "rule",
             "why; factors");
  for (const auto& expression : expressions) {
    fmt::print("{:>9.3f} {:>9}  {:<9} {:<36} {}{}{}\n", expression.cost_ns,
               expression.other_ns ? fmt::format("{:.3f}", *expression.other_ns) : "-",
               class_name(expression.kind), expression.rule, expression.why,
               expression.factors.empty() ? "" : "; ", fmt::join(expression.factors, " and "));
  }
}

json sample_json(const CompileArguments& arguments, const Compilation& compilation) {
  if (compilation.sample_messages == 0) return {};
  json bytes = json::object();
  for (const auto& [target, count] : compilation.sample_bytes)
    bytes[std::string(language::name_of(target))] = count;
  return {{"folders", arguments.compilation.sample},
          {"messages", compilation.sample_messages},
          {"bytes", bytes}};
}

void print_sample(const CompileArguments& arguments, const Compilation& compilation) {
  std::string texts;
  for (const auto& [target, count] : compilation.sample_bytes) {
    texts += fmt::format("{}{} {:.0f}", texts.empty() ? "" : ", ", language::name_of(target),
                         static_cast<double>(count) / 1024);
  }
  fmt::print("costs are those in {} messages of {} (KiB of {}); else in built-in text\n",
             compilation.sample_messages, fmt::join(arguments.compilation.sample, ", "), texts);
}

int run_compile(const CompileArguments& arguments) {
  const auto start = std::chrono::steady_clock::now();
  const std::vector<std::filesystem::path> sources(arguments.sources.begin(),
                                                   arguments.sources.end());
  // Before the long work.
  std::optional<artefact::PrivateKey> key;
  if (!arguments.key.empty()) {
    auto found = artefact::PrivateKey::read(arguments.key);
    if (!found) return fail(found.error());
    key = std::move(*found);
  }
  const auto rules = language::read_rules(sources);
  if (!rules) return report_errors(rules.error(), arguments.as_json);
  auto compilation = compile_rules(*rules, arguments.compilation);
  if (!compilation) return fail(compilation.error());
  compile::Compiled& compiled = compilation->compiled;
  if (key) {
    if (auto done = artefact::sign(compiled.artefact, *key); !done) return fail(done.error());
  }
  if (auto written = artefact::write(compiled.artefact, arguments.output); !written) {
    return fail(written.error());
  }
  const auto file = artefact::read(arguments.output);
  if (!file) return fail(file.error());
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (arguments.as_json) {
    json out = report_json(*rules, compiled.report);
    out["compiled"] = true;
    out["output"] = arguments.output;
    out["digest"] = file->digest;
    out["bytes"] = file->bytes;
    out["signed_by"] = key ? json(key->public_key().id()) : json();
    out["seconds"] = seconds;
    out["sample"] = sample_json(arguments, *compilation);
    print(out);
    return kDone;
  }
  print_report(*rules, compiled.report, arguments.verbose);
  if (compilation->sample_messages > 0) print_sample(arguments, *compilation);
  if (arguments.report) print_expressions(compiled.report.expressions);
  fmt::print("wrote {}: {} bytes, sha256 {}, in {:.1f} s\n", arguments.output, file->bytes,
             file->digest, seconds);
  if (key) fmt::print("signed by key {}\n", key->public_key().id());
  return kDone;
}

json rule_json(const artefact::Artefact& set, const artefact::Rule& rule) {
  json out{{"name", rule.name},
           {"score", rule.score},
           {"description", rule.description},
           {"target", language::name_of(rule.target)},
           {"runs", (rule.flags & artefact::kOff) == 0},
           {"sub_rule", (rule.flags & artefact::kSubRule) != 0},
           {"source", set.provenance.sources[rule.source].path},
           {"line", rule.line}};
  if (rule.selector != artefact::kNone)
    out["header"] = language::to_string(set.selectors[rule.selector]);
  if (rule.expression != artefact::kNone) {
    const auto& expression = set.expressions[rule.expression];
    out["class"] = class_name(expression.kind);
    out["expression"] = expression.regexp.pattern;
  }
  return out;
}

json set_json(const ShowArguments& arguments, const artefact::ArtefactFile& file) {
  const artefact::Artefact& set = file.artefact;
  json out{{"set", arguments.set},
           {"digest", file.digest},
           {"bytes", file.bytes},
           {"format_version", artefact::kFormatVersion},
           {"compiler", set.provenance.compiler},
           {"hyperscan", set.provenance.hyperscan},
           {"platform", set.provenance.platform},
           {"rules", set.rules.size()},
           {"expressions", set.expressions.size()},
           {"metas", set.metas.size()},
           {"databases", set.databases.size()},
           {"signed", set.signature.has_value()}};
  if (set.signature) {
    out["signed_by"] = set.signature->signer.id();
    out["public_key"] = set.signature->signer.base64();
  }
  out["sources"] = json::array();
  for (const auto& source : set.provenance.sources) {
    out["sources"].push_back({{"path", source.path}, {"sha256", source.sha256}});
  }
  if (arguments.rules) {
    out["rule_list"] = json::array();
    for (const auto& rule : set.rules) out["rule_list"].push_back(rule_json(set, rule));
  }
  return out;
}

int run_show(const ShowArguments& arguments) {
  const auto file = artefact::read(arguments.set);
  if (!file) return fail(file.error());
  if (arguments.as_json) {
    print(set_json(arguments, *file));
    return kDone;
  }
  const artefact::Artefact& set = file->artefact;
  fmt::print("set          {}\n", arguments.set);
  fmt::print("digest       {}\n", file->digest);
  fmt::print("size         {} bytes, format version {}\n", file->bytes, artefact::kFormatVersion);
  fmt::print("signed by    {}\n", set.signature
                                      ? fmt::format("key {} ({})", set.signature->signer.id(),
                                                    set.signature->signer.base64())
                                      : "nobody");
  fmt::print("compiled by  {} for Hyperscan {}\n", set.provenance.compiler,
             set.provenance.hyperscan);
  fmt::print("platform     {}\n", set.provenance.platform);
  fmt::print("holds        {} rules, {} expressions, {} metas, {} databases\n", set.rules.size(),
             set.expressions.size(), set.metas.size(), set.databases.size());
  for (const auto& source : set.provenance.sources) {
    fmt::print("source       {} {}\n", source.sha256.substr(0, 16), source.path);
  }
  if (!arguments.rules) return kDone;
  for (const auto& rule : set.rules) {
    const char* state = (rule.flags & artefact::kOff)       ? "not run"
                        : (rule.flags & artefact::kSubRule) ? "sub"
                                                            : "";
    fmt::print("{:>8.3f}  {:<8} {:<7} {:<36} {}\n", rule.score, language::name_of(rule.target),
               state, rule.name, rule.description);
  }
  return kDone;
}

}  // namespace

void add_signatures_command(CLI::App& app, int* exit_code) {
  CLI::App* signatures = app.add_subcommand("signatures", "Compile, sign and load signature sets");
  signatures->require_subcommand(1);
  add_check_command(*signatures, exit_code);
  add_test_command(*signatures, exit_code);

  auto compile_arguments = std::make_shared<CompileArguments>();
  CLI::App* compile = signatures->add_subcommand(
      "compile", "Compile SpamAssassin rule files (or directories of *.cf) into a signature set");
  compile->add_option("SRC", compile_arguments->sources, "Rule files or directories")->required();
  compile->add_option("-o,--output", compile_arguments->output, "The set to write (SET.psig)")
      ->required();
  compile->add_option("--key", compile_arguments->key, "Sign the set with this private key")
      ->type_name("FILE");
  compile->add_flag("--json", compile_arguments->as_json, "Print a JSON object");
  compile->add_flag("--verbose", compile_arguments->verbose,
                    "List the rules that are not run, and why");
  compile->add_flag("--report", compile_arguments->report,
                    "List every expression: how it is searched for, what that costs, and why");
  compile
      ->add_option("--jobs", compile_arguments->compilation.jobs, "Threads and processes at a time")
      ->check(CLI::Range(1U, 256U))
      ->capture_default_str();
  add_compilation_options(*compile, compile_arguments->compilation);
  compile->callback([=] { *exit_code = run_compile(*compile_arguments); });

  auto show_arguments = std::make_shared<ShowArguments>();
  CLI::App* show = signatures->add_subcommand("show", "Tell what a compiled signature set holds");
  show->add_option("SET", show_arguments->set, "A compiled set (SET.psig)")->required();
  show->add_flag("--json", show_arguments->as_json, "Print a JSON object");
  show->add_flag("--rules", show_arguments->rules, "List every rule");
  show->callback([=] { *exit_code = run_show(*show_arguments); });

  add_key_commands(*signatures, exit_code);
}

}  // namespace postern::cli
