#include "control/cli/signatures/test_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "control/cli/signatures/compilation.h"
#include "control/cli/signatures/exit_status.h"
#include "control/cli/signatures/mail_files.h"
#include "control/cli/signatures/progress_bar.h"
#include "control/cli/signatures/scan_command.h"
#include "control/cli/signatures/trial.h"
#include "control/cli/signatures/trial_figures.h"
#include "control/cli/signatures/trial_text.h"
#include "control/cli/table.h"
#include "patterns/artefact/artefact.h"
#include "patterns/language/reader.h"

namespace postern::cli {
namespace {

constexpr int kHamRefused = 1;
constexpr size_t kDefaultLines = 25;

struct TestArguments {
  std::vector<std::string> sets;
  std::vector<std::string> ham, spam;
  double threshold = kDefaultThreshold;
  CompilationArguments compilation{.jobs = std::max(std::thread::hardware_concurrency(), 1U)};
  size_t lines = kDefaultLines;
  std::optional<uint64_t> most_false_positives;
  bool all = false;
  bool as_json = false;
};

struct OpenSet {
  std::shared_ptr<const scan::SignatureSet> set;
  std::vector<bool> off;
};

std::expected<OpenSet, std::string> open_artefact(artefact::ArtefactFile file, std::string name) {
  OpenSet out;
  for (const auto& rule : file.artefact.rules)
    out.off.push_back((rule.flags & artefact::kOff) != 0);
  auto set = scan::SignatureSet::make(std::move(file), std::move(name));
  if (!set) return std::unexpected(std::move(set.error()));
  out.set = std::move(*set);
  return out;
}

std::expected<OpenSet, std::string> compile_sources(const TestArguments& arguments) {
  const std::vector<std::filesystem::path> sources(arguments.sets.begin(), arguments.sets.end());
  const auto rules = language::read_rules(sources);
  if (!rules) {
    std::string errors;
    for (const auto& error : rules.error()) errors += "\n" + printable(error.to_string(), 1000);
    return std::unexpected(
        fmt::format("the rules cannot be compiled; errors: {}{}", rules.error().size(), errors));
  }
  const auto compilation = compile_rules(*rules, arguments.compilation);
  if (!compilation) return std::unexpected(compilation.error());
  // A set is checked and mapped as a file, and stays mapped when the file is gone.
  std::string folder = (std::filesystem::temp_directory_path() / "postern-test-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr)
    return std::unexpected(fmt::format("{}: cannot be made; set TMPDIR", folder));
  const auto path = std::filesystem::path(folder) / "rules.psig";
  const auto written = artefact::write(compilation->compiled.artefact, path);
  auto file = written ? artefact::read(path) : std::unexpected(written.error());
  std::filesystem::remove_all(folder);
  if (!file) return std::unexpected(std::move(file.error()));
  return open_artefact(std::move(*file), arguments.sets.front());
}

bool are_sources(const std::vector<std::string>& sets) {
  return std::ranges::any_of(sets, [](const std::string& set) {
    std::error_code code;
    return set.ends_with(".cf") || std::filesystem::is_directory(set, code);
  });
}

std::expected<OpenSet, std::string> open_set(const TestArguments& arguments) {
  if (are_sources(arguments.sets)) return compile_sources(arguments);
  if (arguments.sets.size() > 1)
    return std::unexpected("one compiled set at a time; only rule files may be several");
  auto file = artefact::read(arguments.sets.front());
  if (!file) return std::unexpected(std::move(file.error()));
  return open_artefact(std::move(*file),
                       std::filesystem::path(arguments.sets.front()).filename().string());
}

int run_test(const TestArguments& arguments) {
  if (arguments.ham.empty() && arguments.spam.empty())
    return fail("there is nothing to test with; name folders of messages with --ham and --spam");
  const auto open = open_set(arguments);
  if (!open) return fail(open.error());
  Unreadable unreadable;
  std::vector<MailFile> files;
  for (const auto& [folders, kind] :
       {std::pair(&arguments.ham, Kind::kHam), std::pair(&arguments.spam, Kind::kSpam)}) {
    for (const std::string& folder : *folders) {
      for (auto& path : find_mail(folder, unreadable)) files.push_back({std::move(path), kind});
    }
  }
  const size_t count = files.size();
  auto trial = [&] {
    const ProgressBar bar(count);
    return try_set(open->set, std::move(files), arguments.compilation.jobs,
                   [&](size_t done) { bar.show(done); });
  }();
  if (!trial) return fail(trial.error());
  trial->unreadable.insert(trial->unreadable.begin(), unreadable.begin(), unreadable.end());
  const Figures figures = figures_of(*trial, *open->set, arguments.threshold);
  const Report report{*trial, figures, *open->set, open->off, arguments.compilation.jobs};
  if (arguments.as_json) {
    fmt::print("{}\n",
               to_json(report).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  } else if (!trial->messages.empty()) {
    fmt::print("{}", to_text(report, arguments.lines, arguments.all));
  }
  name_unreadable(trial->unreadable, "; --json names them all");
  if (trial->messages.empty())
    return fail("no message was found: --ham and --spam want folders of messages, or mbox files");
  if (!trial->unreadable.empty()) return kInputError;
  const bool too_many = arguments.most_false_positives &&
                        figures.refused[Kind::kHam] > *arguments.most_false_positives;
  return too_many ? kHamRefused : kDone;
}

}  // namespace

void add_test_command(CLI::App& signatures, int* exit_code) {
  auto arguments = std::make_shared<TestArguments>();
  CLI::App* test = signatures.add_subcommand(
      "test", "Tell what a set makes of messages that are known to be ham or spam");
  test->add_option("SET", arguments->sets,
                   "A compiled set (SET.psig), or rule files or directories")
      ->required();
  const auto add_folders = [&](const char* option, std::vector<std::string>* folders,
                               const char* help) {
    test->add_option(option, *folders, help)
        ->type_name("DIR")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  };
  add_folders("--ham", &arguments->ham,
              "Messages that must pass: a folder with all below it, or an mbox; several times");
  add_folders("--spam", &arguments->spam, "Messages that should be refused, likewise");
  test->add_option("--threshold", arguments->threshold, "Score from which a message is refused")
      ->capture_default_str();
  test->add_option("--max-false-positives", arguments->most_false_positives,
                   "Exit with 1 when more ham would be refused")
      ->type_name("N");
  test->add_option("--jobs", arguments->compilation.jobs, "Threads at a time")
      ->check(CLI::Range(1U, 256U))
      ->capture_default_str();
  add_compilation_options(*test, arguments->compilation);
  test->add_option("--rules", arguments->lines, "Lines of each list")->capture_default_str();
  test->add_flag("--all", arguments->all,
                 "Every line of each list, sub-rules (__NAME), and the rules that hit nothing");
  test->add_flag("--json", arguments->as_json, "Print a JSON object; postern(1) describes it");
  test->callback([=] { *exit_code = run_test(*arguments); });
}

}  // namespace postern::cli
