// Messages per second through one worker, and what of it is the scan. bench/run drives it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "bench/conversation.h"
#include "bench/cycles.h"
#include "bench/mail.h"
#include "bench/replay.h"
#include "bench/row.h"
#include "bench/traffic.h"
#include "dataplane/mime/reader.h"
#include "dataplane/scan/scanner.h"

namespace postern::bench {
namespace {

using nlohmann::ordered_json;
template <typename T>
using Expected = std::expected<T, std::string>;

struct Arguments {
  std::vector<std::string> sets;    // NAME=FILE.psig
  std::vector<std::string> inputs;  // NAME=FOLDER
  std::vector<std::string> groups;  // INPUT:SET:CONNECTIONS:MESSAGES[:checked]
  std::string filter = ".*";
  std::string output;
  Effort effort;
};

struct Set {
  std::string name;
  std::shared_ptr<const scan::SignatureSet> signatures;
  scan::MessageScan::Scratch scratch;
};

// What is measured together: one input, one set, so many connections.
struct Group {
  std::string input, set;
  uint32_t open = 0;
  size_t messages = 0;
  bool labelled = false;  // the set must tell its ham from its spam
};

constexpr double kThreshold = worker::PipelineConfig{}.threshold;
constexpr uint32_t kActive = 64;  // connections in their transaction at once

class Reads : public mime::RenderSink {
 public:
  void header(std::string_view, std::string_view raw, std::string_view) override { add(raw); }
  void body(std::string_view paragraph) override { add(paragraph); }
  void rawbody(std::string_view line) override { add(line); }
  void uri(std::string_view uri) override { add(uri); }
  void part(const mime::Part&) override {}
  uint64_t octets = 0;

 private:
  void add(std::string_view text) { octets += text.size(); }
};

std::span<const uint8_t> octets_of(const Message& message) {
  return {reinterpret_cast<const uint8_t*>(message.octets.data()), message.octets.size()};
}

// As the worker does: rules may be about it.
void tell_envelope(scan::MessageScan& scan) {
  if (!scan.set()->wants_envelope()) return;
  scan.envelope(language::Target::kHelo, kHelo);
  scan.envelope(language::Target::kMailFrom, kMailFrom);
  scan.envelope(language::Target::kRcptTo, kRcptTo);
}

// Everything that the rows of a group share.
class Bench {
 public:
  static Expected<std::unique_ptr<Bench>> prepare(const Group& group, std::vector<Message> messages,
                                                  Set* set);
  std::vector<Row> rows();
  const std::vector<Message>& messages() const { return messages_; }
  uint64_t refused() const { return refused_; }  // of the messages, by this set

 private:
  explicit Bench(const Group& group) : group_(group), reader_({}), scan_({}) {}
  Expected<std::unique_ptr<Traffic>> record(bool with_set) const;
  Expected<Pass> scan_alone();
  Expected<Pass> mime_alone();
  Expected<void> judge();
  Row row(const std::string& kind, std::string what, Replay* replay) const;
  void add_frame_rows(std::vector<Row>& rows);

  const Group group_;
  std::vector<Message> messages_;
  Set* set_ = nullptr;
  uint64_t refused_ = 0;
  mime::Reader reader_;
  Reads reads_;
  uint64_t rendered_ = 0;  // octets; of the first pass
  scan::MessageScan scan_;
  std::unique_ptr<Traffic> scanned_traffic_, unscanned_traffic_;
  std::unique_ptr<Replay> whole_, offloaded_, unscanned_, harness_, not_mail_, verdict_pass_;
};

Expected<std::unique_ptr<Bench>> Bench::prepare(const Group& group, std::vector<Message> messages,
                                                Set* set) {
  std::unique_ptr<Bench> bench(new Bench(group));
  bench->messages_ = std::move(messages);
  bench->set_ = set;
  if (auto judged = bench->judge(); !judged) return std::unexpected(judged.error());
  for (const bool with_set : {true, false}) {
    auto traffic = bench->record(with_set);
    if (!traffic) return std::unexpected(traffic.error());
    (with_set ? bench->scanned_traffic_ : bench->unscanned_traffic_) = std::move(*traffic);
  }
  const ReplaySetup scanned{.set = set->signatures, .scratch = &set->scratch};
  ReplaySetup offloaded = scanned;
  offloaded.checksums_trusted = true;
  Traffic* const with = bench->scanned_traffic_.get();
  Traffic* const without = bench->unscanned_traffic_.get();
  using As = ReplaySetup::As;
  const std::tuple<std::unique_ptr<Replay>*, Traffic*, ReplaySetup> replays[] = {
      {&bench->whole_, with, scanned},
      {&bench->offloaded_, with, offloaded},
      {&bench->unscanned_, without, {}},
      {&bench->harness_, without, {.as = As::kNothing}},
      {&bench->not_mail_, without, {.as = As::kNotMail}},
      {&bench->verdict_pass_, without, {.as = As::kVerdictPass}}};
  for (const auto& [replay, traffic, setup] : replays) {
    auto made = Replay::create(traffic, setup);
    if (!made) return std::unexpected(made.error());
    *replay = std::move(*made);
  }
  return bench;
}

// What the set makes of each message, found out without the worker.
Expected<void> Bench::judge() {
  for (const Message& message : messages_) {
    scan_.begin(set_->signatures, &set_->scratch);
    scan_.feed(octets_of(message));
    tell_envelope(scan_);
    const scan::ScanResult result = scan_.finish();
    if (result.failed) return std::unexpected(message.name + ": the scan failed");
    const bool refused = result.score >= kThreshold;
    if (group_.labelled && message.is_spam && refused != *message.is_spam) {
      return std::unexpected(fmt::format("{} scores {} with the set {}: the wrong verdict",
                                         message.name, result.score, set_->name));
    }
    refused_ += refused;
  }
  return {};
}

Expected<std::unique_ptr<Traffic>> Bench::record(bool with_set) const {
  auto recorder =
      Recorder::create(with_set ? set_->signatures : nullptr, with_set ? &set_->scratch : nullptr);
  if (!recorder) return std::unexpected(recorder.error());
  std::vector<Conversation> recordings;
  uint64_t refused = 0;
  for (const Message& message : messages_) {
    auto conversation = (*recorder)->record(message);
    if (!conversation) return std::unexpected(conversation.error());
    refused += conversation->refused;
    recordings.push_back(std::move(*conversation));
  }
  if (refused != (with_set ? refused_ : 0)) {
    return std::unexpected(fmt::format("the worker refused {} messages, the scan alone {}", refused,
                                       with_set ? refused_ : 0));
  }
  // Every message the same number of times, so that the mean is that of the messages.
  const auto count = static_cast<uint32_t>(messages_.size());
  const uint32_t times = std::max(1u, (group_.open + count - 1) / count);
  return std::make_unique<Traffic>(recordings,
                                   TrafficShape{.connections = count * times,
                                                .open = group_.open,
                                                .active = std::min(group_.open, kActive)});
}

Expected<Pass> Bench::scan_alone() {
  uint64_t refused = 0;
  const Stopwatch stopwatch;
  for (const Message& message : messages_) {
    scan_.begin(set_->signatures, &set_->scratch);
    scan_.feed(octets_of(message));
    tell_envelope(scan_);
    refused += scan_.finish().score >= kThreshold;
  }
  const Pass pass = stopwatch.read();
  if (refused != refused_) {
    return std::unexpected(fmt::format("{} messages refused, but must be {}", refused, refused_));
  }
  return pass;
}

Expected<Pass> Bench::mime_alone() {
  reads_.octets = 0;
  const Stopwatch stopwatch;
  for (const Message& message : messages_) {
    reader_.begin(&reads_);
    reader_.feed(octets_of(message));
    reader_.finish();
  }
  const Pass pass = stopwatch.read();
  if (rendered_ == 0) rendered_ = reads_.octets;
  if (reads_.octets != rendered_) {
    return std::unexpected(
        fmt::format("{} octets rendered, but before {}", reads_.octets, rendered_));
  }
  return pass;
}

Row Bench::row(const std::string& kind, std::string what, Replay* replay) const {
  Row row;
  row.name = fmt::format("{}.{}.{}", kind, group_.input, group_.open);
  row.what = std::move(what);
  row.unit = "messages";
  row.input = group_.input;
  row.units_per_pass = static_cast<double>(messages_.size());
  if (replay != nullptr) {
    row.units_per_pass = scanned_traffic_->shape().connections;
    row.open_connections = group_.open;
    row.pass = [replay] { return replay->pass(); };
  }
  row.octets_per_pass = mean_octets(messages_) * row.units_per_pass;
  return row;
}

std::vector<Row> Bench::rows() {
  const std::string& set = set_->name;
  std::vector<Row> rows;
  rows.push_back(row("whole." + set, "whole message, frame in to frame out", whole_.get()));
  rows.push_back(row("scan." + set, "its signature scan alone, MIME included", nullptr));
  rows.back().pass = [this] { return scan_alone(); };
  rows.push_back(
      row("offload." + set, "whole message, checksums left to the NIC", offloaded_.get()));
  for (Row& row : rows) row.set = set;
  const std::string whole = rows[0].name;
  rows[0].compared_with = rows[1].name;
  rows.push_back(row("unscanned", "whole message without a set", unscanned_.get()));
  rows.push_back(row("mime", "MIME reader alone", nullptr));
  rows.back().pass = [this] { return mime_alone(); };
  for (size_t i = 1; i < rows.size(); ++i) rows[i].compared_with = whole;
  if (group_.input == "mail") add_frame_rows(rows);
  return rows;
}

void Bench::add_frame_rows(std::vector<Row>& rows) {
  const std::tuple<const char*, const char*, Replay*> kinds[] = {
      {"frames.harness", "frames in and out, no pipeline: the harness", harness_.get()},
      {"frames.not_mail", "the same frames as traffic that is not mail", not_mail_.get()},
      {"frames.verdict_pass", "the same frames of a sender with verdict pass",
       verdict_pass_.get()}};
  const size_t first = rows.size();
  for (const auto& [kind, what, replay] : kinds) {
    rows.push_back(row(kind, what, replay));
    rows.back().unit = "frames";
    rows.back().units_per_pass = static_cast<double>(unscanned_traffic_->arrivals().size());
    rows.back().octets_per_pass = static_cast<double>(unscanned_traffic_->octets());
    if (rows.size() - 1 > first) rows.back().compared_with = rows[first].name;
  }
}

Expected<std::map<std::string, std::string>> pairs(const std::vector<std::string>& arguments) {
  std::map<std::string, std::string> out;
  for (const std::string& argument : arguments) {
    const size_t equals = argument.find('=');
    if (equals == std::string::npos) {
      return std::unexpected(argument + ": NAME=PATH was expected");
    }
    out[argument.substr(0, equals)] = argument.substr(equals + 1);
  }
  return out;
}

Expected<Group> parse_group(const std::string& text) {
  std::smatch match;
  static const std::regex kForm(R"((\w+):(\w+):(\d+):(\d+)(:checked)?)");
  if (!std::regex_match(text, match, kForm)) {
    return std::unexpected(text + ": INPUT:SET:CONNECTIONS:MESSAGES[:checked] was expected");
  }
  return Group{match[1], match[2], static_cast<uint32_t>(std::stoul(match[3])),
               std::stoul(match[4]), match[5].matched};
}

// Rows that the filter wants, and those they are compared with. What has nothing to do with a set
// is measured once an input.
std::vector<Row> wanted(std::vector<Row> rows, const std::regex& filter,
                        const ordered_json& reported) {
  const auto is_new = [&](const Row& row) {
    return std::ranges::none_of(reported, [&](const auto& r) { return r["row"] == row.name; });
  };
  std::vector<std::string> names;
  for (const Row& row : rows) {
    if (!std::regex_search(row.name, filter) || !is_new(row)) continue;
    names.push_back(row.name);
    names.push_back(row.compared_with);
  }
  std::erase_if(rows,
                [&](const Row& row) { return std::ranges::find(names, row.name) == names.end(); });
  return rows;
}

// Where the cycles of the group's whole messages go, if a row of them is wanted.
Expected<void> add_cycles(Bench& bench, const std::regex& filter, const Effort& effort,
                          ordered_json& reported) {
  const Row whole = bench.rows().front();
  const auto wanted = [&](const auto& name) { return std::regex_search(name, filter); };
  if (std::ranges::none_of(cycle_names(whole), wanted)) return {};
  auto measured = measure_cycles(whole, effort);
  if (!measured) return std::unexpected(measured.error());
  for (auto& row : *measured) reported.push_back(std::move(row));
  return {};
}

Expected<ordered_json> run(const Arguments& arguments) {
  auto set_files = pairs(arguments.sets), folders = pairs(arguments.inputs);
  if (!set_files) return std::unexpected(set_files.error());
  if (!folders) return std::unexpected(folders.error());
  const std::regex filter(arguments.filter);
  std::map<std::string, std::unique_ptr<Set>> sets;
  ordered_json out{{"sets", ordered_json::array()},
                   {"inputs", ordered_json::array()},
                   {"rows", ordered_json::array()}};
  for (const std::string& text : arguments.groups) {
    const auto group = parse_group(text);
    if (!group) return std::unexpected(group.error());
    fmt::print(stderr, "{} messages of {}, set {}, {} connections\n", group->messages, group->input,
               group->set, group->open);
    auto& set = sets[group->set];
    if (set == nullptr) {
      set = std::make_unique<Set>();
      set->name = group->set;
      auto signatures = scan::SignatureSet::load((*set_files)[group->set]);
      if (!signatures) return std::unexpected(signatures.error());
      set->signatures = std::move(*signatures);
      if (auto ready = set->scratch.prepare(*set->signatures); !ready) {
        return std::unexpected(ready.error());
      }
      out["sets"].push_back({{"set", group->set},
                             {"rules", set->signatures->rule_count()},
                             {"digest", set->signatures->digest()}});
    }
    auto messages = read_messages((*folders)[group->input], group->messages);
    if (!messages) return std::unexpected(messages.error());
    auto bench = Bench::prepare(*group, std::move(*messages), set.get());
    if (!bench) return std::unexpected(bench.error());
    out["inputs"].push_back({{"input", group->input},
                             {"set", group->set},
                             {"open_connections", group->open},
                             {"messages", (*bench)->messages().size()},
                             {"mean_octets", std::round(mean_octets((*bench)->messages()))},
                             {"refused", (*bench)->refused()}});
    auto rows = measure(wanted((*bench)->rows(), filter, out["rows"]), arguments.effort);
    if (!rows) return std::unexpected(rows.error());
    for (auto& row : *rows) out["rows"].push_back(std::move(row));
    if (auto done = add_cycles(**bench, filter, arguments.effort, out["rows"]); !done) {
      return std::unexpected(done.error());
    }
  }
  return out;
}

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Measures messages through one worker; bench/run calls it and prints its report.");
  app.add_option("--set", arguments.sets, "NAME=FILE.psig")->required();
  app.add_option("--input", arguments.inputs, "NAME=FOLDER of *.eml")->required();
  app.add_option("--group", arguments.groups, "INPUT:SET:CONNECTIONS:MESSAGES[:checked]")
      ->required();
  app.add_option("--filter", arguments.filter,
                 "Measure only rows whose name this expression finds");
  app.add_option("--repetitions", arguments.effort.repetitions)->check(CLI::Range(1, 1000));
  app.add_option("--seconds", arguments.effort.seconds, "CPU time of each repetition of a row");
  app.add_option("-o,--output", arguments.output, "The JSON file to write")->required();
  CLI11_PARSE(app, argc, argv);
  const auto report = run(arguments);
  if (!report) {
    fmt::print(stderr, "postern-bench-messages: {}\n", report.error());
    return 1;
  }
  std::ofstream(arguments.output) << report->dump(1) << '\n';
  return 0;
}

}  // namespace
}  // namespace postern::bench

int main(int argc, char** argv) { return postern::bench::main(argc, argv); }
