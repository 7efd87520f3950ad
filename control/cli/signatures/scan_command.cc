#include "control/cli/signatures/scan_command.h"
#include "control/cli/signatures/exit_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dataplane/scan/message_file.h"
#include "dataplane/scan/scanner.h"
#include "patterns/artefact/sha256.h"

namespace postern::cli {
namespace {

using nlohmann::json;

constexpr const char* kDefaultSet = "/var/lib/postern/current.psig";
constexpr int kNoSpam = 0;
constexpr int kSpam = 1;

struct ScanArguments {
  std::vector<std::string> files;
  std::string set = kDefaultSet;
  double threshold = kDefaultThreshold;
  bool as_json = false;
  bool all_rules = false;
  std::vector<scan::EnvelopeElement> envelope;
};

// Parts and URLs of a message, for the listing.
class Inventory : public mime::RenderSink {
 public:
  void clear() { parts_ = urls_ = json::array(); }
  void header(std::string_view, std::string_view, std::string_view) override {}
  void body(std::string_view) override {}
  void rawbody(std::string_view) override {}
  void uri(std::string_view uri) override {
    json url{std::string(uri)};
    if (std::ranges::find(urls_, url.front()) == urls_.end()) urls_.push_back(url.front());
  }
  void part(const mime::Part& part) override {
    json out{{"content_type", part.content_type},
             {"charset", part.charset},
             {"file_name", part.file_name},
             {"decoded_bytes", part.decoded_bytes}};
    if (part.has_sha256) out["sha256"] = artefact::hex(part.sha256);
    parts_.push_back(std::move(out));
  }
  const json& parts() const { return parts_; }
  const json& urls() const { return urls_; }

 private:
  json parts_ = json::array();
  json urls_ = json::array();
};

json anomaly_names(uint32_t anomalies) {
  json out = json::array();
  for (size_t i = 0; i < mime::kAnomalyNames.size(); ++i) {
    if (anomalies >> i & 1) out.push_back(mime::kAnomalyNames[i]);
  }
  return out;
}

class Scanner {
 public:
  Scanner(const ScanArguments& arguments, std::shared_ptr<const scan::SignatureSet> set)
      : arguments_(arguments), set_(std::move(set)), scan_(mime::ReaderLimits{.digests = true}) {
    scan_.observe(&inventory_);
  }

  std::expected<void, std::string> prepare() { return scratch_.prepare(*set_); }

  // The exit code that this file calls for.
  int scan_file(const std::string& path) {
    const auto message = scan::read_message_file(path);
    if (!message) {
      fmt::print(stderr, "postern: {}\n", message.error());
      return kInputError;
    }
    inventory_.clear();
    const scan::ScanResult result =
        scan::scan_message(scan_, set_, scratch_, *message, arguments_.envelope,
                           arguments_.all_rules ? scan::Asked::kAllRules : scan::Asked::kScore);
    if (result.failed) {
      fmt::print(stderr, "postern: {}: the matcher failed; the score is not reliable\n", path);
      return kInputError;
    }
    const bool is_spam = result.score >= arguments_.threshold;
    if (arguments_.as_json) {
      print_json(path, *message, result, is_spam);
    } else {
      print_text(path, result, is_spam);
    }
    return is_spam ? kSpam : kNoSpam;
  }

 private:
  void print_json(const std::string& path, const std::vector<uint8_t>& message,
                  const scan::ScanResult& result, bool is_spam) const {
    json rules = json::array();
    for (uint32_t rule : result.rules) {
      rules.push_back({{"name", set_->rule_name(rule)},
                       {"score", set_->rule_score(rule)},
                       {"description", set_->rule_description(rule)}});
    }
    json out{{"file", path},
             {"bytes", message.size()},
             {"sha256", artefact::hex(artefact::sha256(message))},
             {"spam", is_spam},
             {"score", result.score},
             {"threshold", arguments_.threshold},
             {"rules", rules},
             {"parts", inventory_.parts()},
             {"urls", inventory_.urls()},
             {"anomalies", anomaly_names(scan_.mime_anomalies())},
             {"confirmations_cut", result.confirmations_cut},
             {"rules_cut", rules_cut(result)},
             {"signature_set", {{"name", set_->name()}, {"digest", set_->digest()}}}};
    if (arguments_.all_rules) out["sub_rules"] = sub_rules_hit();
    fmt::print("{}\n", out.dump(-1, ' ', false, json::error_handler_t::replace));
  }

  json rules_cut(const scan::ScanResult& result) const {
    json out = json::object();
    for (const scan::RuleCut& cut : result.cuts) out[set_->rule_name(cut.rule)] = cut.times;
    return out;
  }

  json sub_rules_hit() const {
    json out = json::array();
    for (uint32_t rule = 0; rule < set_->rule_count(); ++rule) {
      const std::string_view name = set_->rule_name(rule);
      if (name.starts_with("__") && scan_.is_hit(rule)) out.push_back(name);
    }
    return out;
  }

  void print_text(const std::string& path, const scan::ScanResult& result, bool is_spam) const {
    fmt::print("{}: {} score {:.3f} threshold {:.3f}\n", path, is_spam ? "spam" : "ham",
               result.score, arguments_.threshold);
    for (uint32_t rule : result.rules) {
      fmt::print("{:>9.3f}  {:<32} {}\n", set_->rule_score(rule), set_->rule_name(rule),
                 set_->rule_description(rule));
    }
    for (const scan::RuleCut& cut : result.cuts) {
      fmt::print("{:>9}  {:<32} given up {} times at its bound on work; counted as no match\n",
                 "cut", set_->rule_name(cut.rule), cut.times);
    }
  }

  const ScanArguments& arguments_;
  std::shared_ptr<const scan::SignatureSet> set_;
  scan::MessageScan::Scratch scratch_;
  scan::MessageScan scan_;
  Inventory inventory_;
};

int run_scan(const ScanArguments& arguments) {
  std::error_code code;
  if (!std::filesystem::exists(arguments.set, code)) {
    fmt::print(stderr,
               "postern: there is no signature set {}; compile one with: postern signatures "
               "compile SRC… -o "
               "SET.psig, and name it with --signatures SET.psig\n",
               arguments.set);
    return kInputError;
  }
  auto set = scan::SignatureSet::load(arguments.set);
  if (!set) {
    fmt::print(stderr, "postern: {}\n", set.error());
    return kInputError;
  }
  Scanner scanner(arguments, *set);
  if (auto prepared = scanner.prepare(); !prepared) {
    fmt::print(stderr, "postern: {}\n", prepared.error());
    return kInputError;
  }
  int worst = kNoSpam;
  for (const std::string& file : arguments.files) worst = std::max(worst, scanner.scan_file(file));
  return worst;
}

}  // namespace

void add_scan_command(CLI::App& app, int* exit_code) {
  auto arguments = std::make_shared<ScanArguments>();
  CLI::App* scan = app.add_subcommand("scan", "Score message files with a signature set");
  scan->add_option("FILE", arguments->files, "Message files; - is standard input")->required();
  scan->add_option("--signatures", arguments->set, "The compiled set")->capture_default_str();
  scan->add_option("--threshold", arguments->threshold, "Score from which a message is spam")
      ->capture_default_str();
  scan->add_flag("--json", arguments->as_json, "Print one JSON object a message");
  scan->add_flag("--all-rules", arguments->all_rules,
                 "With --json: also the sub-rules (__NAME) that the message hits");
  const auto add_envelope = [&](const char* option, language::Target target, const char* help) {
    scan->add_option_function<std::vector<std::string>>(
            option,
            [arguments, target](const std::vector<std::string>& texts) {
              for (const std::string& text : texts) arguments->envelope.push_back({target, text});
            },
            help)
        ->type_name("TEXT")
        ->allow_extra_args(false)
        ->group("Envelope, for the rules about it");
  };
  add_envelope("--helo", language::Target::kHelo, "The client's name for itself");
  add_envelope("--mail-from", language::Target::kMailFrom, "The sender; \"\" for <>");
  add_envelope("--rcpt-to", language::Target::kRcptTo, "A recipient; may stand several times");
  add_envelope("--auth-user", language::Target::kAuthUser, "Who is logged in");
  scan->callback([=] { *exit_code = run_scan(*arguments); });
}

}  // namespace postern::cli
