// Messages under other conditions than one a connection at full speed: many a connection, a million
// flows beside them, a share of the full load, a second worker; and what they hold of memory.
// bench/run drives it, by loads.py.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "bench/conversation.h"
#include "bench/in_flight.h"
#include "bench/latency.h"
#include "bench/mail.h"
#include "bench/row.h"
#include "bench/workers.h"

namespace postern::bench {
namespace {

using nlohmann::ordered_json;
template <typename T>
using Expected = std::expected<T, std::string>;

constexpr uint32_t kActive = 64;       // connections in their transaction at once
constexpr size_t kSeries = 20;         // messages a connection
constexpr uint64_t kMessages = 2'000;  // of a pass at least, so that passes of all rows are alike

struct Arguments {
  std::string set_name, set_file, filter = ".*", output;
  std::vector<std::string> inputs;  // NAME=FOLDER
  size_t messages = 300;            // of an input at most
  Effort effort;
};

class Loads {
 public:
  explicit Loads(const Arguments& arguments) : arguments_(arguments), filter_(arguments.filter) {}
  Expected<ordered_json> run();

 private:
  struct Recorded {
    std::vector<Conversation> connections;
    double mean_octets = 0;
  };
  using Family = Expected<void> (Loads::*)();

  Expected<std::vector<Message>> read(const std::string& input, uint32_t open);
  Expected<Recorded> record(const std::vector<Message>& messages, size_t most_each);
  Expected<Replay*> replay(const Recorded& recorded, const ReplaySetup& setup, Traffic** traffic);
  Row row(std::string name, std::string what, std::string input, const Traffic& traffic,
          double octets, uint32_t open, std::function<Expected<Pass>()> pass) const;
  Expected<void> add(const std::vector<Row>& rows);
  ReplaySetup scanned() { return {.set = set_, .scratch = &scratch_}; }

  Expected<void> among();
  Expected<void> series();
  Expected<void> latency();
  Expected<void> workers();
  Expected<void> memory();

  const Arguments& arguments_;
  const std::regex filter_;
  std::shared_ptr<const scan::SignatureSet> set_;
  scan::MessageScan::Scratch scratch_;
  std::vector<std::unique_ptr<Traffic>> traffics_;  // of the family at hand, and its replays
  std::vector<std::unique_ptr<Replay>> replays_;
  ordered_json inputs_ = ordered_json::array(), rows_ = ordered_json::array();
};

Expected<std::vector<Message>> Loads::read(const std::string& input, uint32_t open) {
  for (const std::string& each : arguments_.inputs) {
    if (!each.starts_with(input + "=")) continue;
    auto messages = read_messages(each.substr(input.size() + 1), arguments_.messages);
    if (!messages) return messages;
    inputs_.push_back({{"input", input},
                       {"set", arguments_.set_name},
                       {"open_connections", open},
                       {"messages", messages->size()},
                       {"mean_octets", std::round(mean_octets(*messages))}});
    return messages;
  }
  return std::unexpected("--input " + input + "=FOLDER is missing");
}

// The messages in their order, as many in a connection as it may carry and a refusal leaves.
Expected<Loads::Recorded> Loads::record(const std::vector<Message>& messages, size_t most_each) {
  auto recorder = Recorder::create(set_, &scratch_);
  if (!recorder) return std::unexpected(recorder.error());
  Recorded out{.mean_octets = mean_octets(messages)};
  for (size_t at = 0; at < messages.size(); at += out.connections.back().messages) {
    const std::span<const Message> left = std::span(messages).subspan(at);
    auto connection = (*recorder)->record(left.first(std::min(most_each, left.size())));
    if (!connection) return std::unexpected(connection.error());
    // Who is right is known where file names tell.
    const Message& last = left[connection->messages - 1];
    if (last.is_spam && *last.is_spam != connection->refused) {
      return std::unexpected(last.name + ": the wrong verdict");
    }
    out.connections.push_back(std::move(*connection));
  }
  return out;
}

Expected<Replay*> Loads::replay(const Recorded& recorded, const ReplaySetup& setup,
                                Traffic** traffic) {
  if (*traffic == nullptr) {
    uint64_t messages = 0;
    for (const Conversation& connection : recorded.connections) messages += connection.messages;
    const auto count = static_cast<uint32_t>(recorded.connections.size());
    const auto times = static_cast<uint32_t>(std::max(1ul, (kMessages + messages - 1) / messages));
    traffics_.push_back(std::make_unique<Traffic>(
        recorded.connections,
        TrafficShape{.connections = count * times, .open = kActive, .active = kActive}));
    *traffic = traffics_.back().get();
  }
  auto made = Replay::create(*traffic, setup);
  if (!made) return std::unexpected(made.error());
  replays_.push_back(std::move(*made));
  return replays_.back().get();
}

Row Loads::row(std::string name, std::string what, std::string input, const Traffic& traffic,
               double octets, uint32_t open, std::function<Expected<Pass>()> pass) const {
  const auto messages = static_cast<double>(traffic.messages());
  return {.name = std::move(name),
          .what = std::move(what),
          .unit = "messages",
          .input = std::move(input),
          .set = arguments_.set_name,
          .open_connections = open,
          .compared_with = "",
          .units_per_pass = messages,
          .octets_per_pass = octets * messages,
          .pass = std::move(pass)};
}

Expected<void> Loads::add(const std::vector<Row>& rows) {
  auto measured = measure(rows, arguments_.effort);
  if (!measured) return std::unexpected(measured.error());
  for (auto& one : *measured) rows_.push_back(std::move(one));
  return {};
}

// The same traffic beside no, some and very many idle connections.
Expected<void> Loads::among() {
  const auto messages = read("2k", kActive);
  if (!messages) return std::unexpected(messages.error());
  const auto recorded = record(*messages, 1);
  if (!recorded) return std::unexpected(recorded.error());
  auto recorder = Recorder::create(set_, &scratch_);
  if (!recorder) return std::unexpected(recorder.error());
  const auto idle = (*recorder)->record_unfinished(nullptr, 0);
  if (!idle) return std::unexpected(idle.error());
  Traffic* traffic = nullptr;
  std::vector<Row> rows;
  for (const uint32_t open : {kActive, 10'000u, 1'000'000u}) {
    ReplaySetup setup = scanned();
    setup.idle = open == kActive ? 0 : open;
    setup.idle_recording = &*idle;
    setup.forgetting_timed = false;
    const auto made = replay(*recorded, setup, &traffic);
    if (!made) return std::unexpected(made.error());
    rows.push_back(row(fmt::format("among.{}.2k.{}", arguments_.set_name, open),
                       "whole message among so many open connections", "2k", *traffic,
                       recorded->mean_octets, open, [replay = *made] { return replay->pass(); }));
    if (open != kActive) rows.back().compared_with = rows.front().name;
  }
  rows.front().compared_with = rows.back().name;
  return add(rows);
}

// Twenty messages a connection, one, and refusals.
Expected<void> Loads::series() {
  auto mix = read("mix", kActive);
  if (!mix) return std::unexpected(mix.error());
  std::map<std::string, std::vector<Message>> inputs;
  for (const Message& message : *mix) {
    inputs[message.is_spam.value_or(false) ? "spam" : "ham"].push_back(message);
  }
  inputs["mix"] = std::move(*mix);
  struct Kind {
    const char *name, *what, *input;
    size_t each;
    const char *compared_name, *compared_input;
  };
  static constexpr Kind kKinds[] = {
      {"one", "a message a connection", "ham", 1, "twenty", "ham"},
      {"twenty", "twenty messages a connection", "ham", kSeries, "one", "ham"},
      {"one", "a message a connection, three in ten refused", "mix", 1, "twenty", "mix"},
      {"twenty", "up to twenty a connection, a refusal ends it", "mix", kSeries, "one", "mix"},
      {"refuse", "a refused message, with its connection", "spam", 1, "one", "ham"}};
  const auto name = [&](const char* kind, const char* input) {
    return fmt::format("{}.{}.{}.{}", kind, arguments_.set_name, input, kActive);
  };
  std::vector<Row> rows;
  for (const Kind& kind : kKinds) {
    const auto& messages = inputs[kind.input];
    if (messages.empty()) return std::unexpected("the mix has no ham or no spam");
    const auto recorded = record(messages, kind.each);
    if (!recorded) return std::unexpected(recorded.error());
    Traffic* traffic = nullptr;
    const auto made = replay(*recorded, scanned(), &traffic);
    if (!made) return std::unexpected(made.error());
    rows.push_back(row(name(kind.name, kind.input), kind.what, kind.input, *traffic,
                       recorded->mean_octets, kActive,
                       [replay = *made] { return replay->pass(); }));
    if (kind.name == std::string_view("refuse")) rows.back().unit = "refusals";
    rows.back().compared_with = name(kind.compared_name, kind.compared_input);
  }
  return add(rows);
}

Expected<void> Loads::latency() {
  const auto messages = read("mail", kActive);
  if (!messages) return std::unexpected(messages.error());
  auto recorded = record(*messages, 1);
  if (!recorded) return std::unexpected(recorded.error());
  // Each begins where another ends, from its SYN on: 64 in step would open together and end
  // together, and what a frame costs on average would not be what the next one does.
  for (Conversation& connection : recorded->connections) connection.opening_frames = 0;
  const auto count = static_cast<uint32_t>(recorded->connections.size());
  Traffic traffic(recorded->connections, {.connections = count, .open = count, .active = kActive});
  auto measured = measure_latency(&traffic, scanned(), arguments_.effort);
  if (!measured) return std::unexpected(measured.error());
  for (auto& one : *measured) {
    one["input"] = "mail";
    one["set"] = arguments_.set_name;
    one["open_connections"] = kActive;
    rows_.push_back(std::move(one));
  }
  return {};
}

// What is lost to sharing, by the universal scalability law without its coherency term (Gunther,
// "Guerrilla capacity planning", 2007): n / (1 + sigma (n - 1)). A model, not a measurement.
ordered_json model(double speedup) {
  const double sigma = std::max(0.0, 2 / speedup - 1);
  ordered_json out{{"sigma", std::round(sigma * 1e4) / 1e4}};
  for (const int n : {8, 16, 32}) {
    out[std::to_string(n)] = {{"contended", std::round(10 * n / (1 + sigma * (n - 1))) / 10},
                              {"linear", std::round(10 * std::min(1.0, speedup / 2) * n) / 10}};
  }
  return out;
}

Expected<void> Loads::workers() {
  const auto messages = read("mail", kActive);
  if (!messages) return std::unexpected(messages.error());
  const auto recorded = record(*messages, 1);
  if (!recorded) return std::unexpected(recorded.error());
  auto two = TwoWorkers::create(recorded->connections, set_);
  if (!two) {
    fmt::print(stderr, "bench: without the rows of workers: {}\n", two.error());
    return {};
  }
  Row alone{.name = "workers.1",
            .what = "one of two workers, the other core idle",
            .unit = "messages",
            .input = "mail",
            .set = arguments_.set_name,
            .open_connections = kActive,
            .compared_with = "workers.2",
            .units_per_pass = (*two)->messages(),
            .octets_per_pass = recorded->mean_octets * (*two)->messages(),
            .pass = [&] { return (*two)->alone(); }};
  Row both = alone;
  both.name = "workers.2";
  both.what = "two workers at once, one verdict table and one set, both together";
  both.compared_with = alone.name;
  both.pass = [&] { return (*two)->together(); };
  if (auto added = add({alone, both}); !added) return added;
  const double speedup = 1 / rows_.back()["ratio"].get<double>();
  rows_.back()["speedup"] = std::round(speedup * 1000) / 1000;
  rows_.back()["model"] = model(speedup);
  return {};
}

Expected<void> Loads::memory() {
  const auto messages = read("100k", 0);
  if (!messages) return std::unexpected(messages.error());
  struct Kind {
    const char *name, *what, *input;
    InFlight in_flight;
  };
  static constexpr Kind kKinds[] = {{"memory.idle",
                                     "resident memory of an idle connection",
                                     "no message, greeting and EHLO behind it",
                                     {20'000, 0}},
                                    {"memory.message.2k",
                                     "of a connection in the middle of a message",
                                     "100k, 2 KB of its data read",
                                     {4'000, 2'000}},
                                    {"memory.message.100k",
                                     "of a connection in the middle of a message",
                                     "100k, 100 KB of its data read",
                                     {1'000, 100'000}}};
  for (const Kind& kind : kKinds) {
    const auto each = resident_each(*messages, kind.in_flight, set_, &scratch_);
    if (!each) return std::unexpected(kind.name + (": " + each.error()));
    rows_.push_back({{"row", kind.name},
                     {"what", kind.what},
                     {"unit", "bytes"},
                     {"value", std::round(*each)},
                     {"input", kind.input},
                     {"set", arguments_.set_name},
                     {"open_connections", kind.in_flight.connections}});
    if (kind.in_flight.octets == 0) continue;
    const auto& idle = rows_[rows_.size() - (kind.in_flight.octets == 2'000 ? 2 : 3)];
    rows_.back()["compared_with"] = idle["row"];
    rows_.back()["ratio"] = std::round(10 * *each / idle["value"].get<double>()) / 10;
  }
  return {};
}

Expected<ordered_json> Loads::run() {
  auto signatures = scan::SignatureSet::load(arguments_.set_file);
  if (!signatures) return std::unexpected(signatures.error());
  set_ = std::move(*signatures);
  if (auto ready = scratch_.prepare(*set_); !ready) return std::unexpected(ready.error());
  const std::tuple<std::vector<std::string>, Family> families[] = {
      // First, while nothing has been given back that it could take without the kernel's knowing.
      {{"memory.idle", "memory.message.2k", "memory.message.100k"}, &Loads::memory},
      {{"one.", "twenty.", "refuse."}, &Loads::series},
      {{"among."}, &Loads::among},
      {{"latency.10", "latency.50", "latency.90", "latency_harness."}, &Loads::latency},
      {{"workers.1", "workers.2"}, &Loads::workers}};
  for (const auto& [names, family] : families) {
    const bool any = std::ranges::any_of(
        names, [&](const std::string& name) { return std::regex_search(name, filter_); });
    if (!any) continue;
    fmt::print(stderr, "bench: {}\n", fmt::join(names, ", "));
    if (auto done = (this->*family)(); !done) return std::unexpected(done.error());
    replays_.clear();
    traffics_.clear();
  }
  return ordered_json{{"inputs", inputs_},
                      {"sets", ordered_json::array({{{"set", arguments_.set_name},
                                                     {"rules", set_->rule_count()},
                                                     {"digest", set_->digest()}}})},
                      {"rows", rows_}};
}

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Measures messages under loads of several kinds; bench/run calls it.");
  app.add_option("--set", arguments.set_file, "FILE.psig")->required();
  app.add_option("--set-name", arguments.set_name, "as the report calls it")->required();
  app.add_option("--input", arguments.inputs, "NAME=FOLDER of *.eml: 2k, 100k, mix, mail");
  app.add_option("--messages", arguments.messages, "of an input at most");
  app.add_option("--filter", arguments.filter, "Measure only families that this expression finds");
  app.add_option("--repetitions", arguments.effort.repetitions)->check(CLI::Range(1, 1000));
  app.add_option("--seconds", arguments.effort.seconds, "CPU time of each repetition of a row");
  app.add_option("-o,--output", arguments.output, "The JSON file to write")->required();
  CLI11_PARSE(app, argc, argv);
  const auto report = Loads(arguments).run();
  if (!report) {
    fmt::print(stderr, "postern-bench-loads: {}\n", report.error());
    return 1;
  }
  std::ofstream(arguments.output) << report->dump(1) << '\n';
  return 0;
}

}  // namespace
}  // namespace postern::bench

int main(int argc, char** argv) { return postern::bench::main(argc, argv); }
