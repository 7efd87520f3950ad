// Verdicts from the ledger to the worker: held, looked up, pushed, changed; and events back into
// the ledger. Control's server and a data plane's agent are the real ones, in one process, over a
// Unix socket; times are of the wall clock, because threads of both wait for each other and for the
// disk.
#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>
#include <thread>

#include "bench/resident.h"
#include "control/channel/operator.grpc.pb.h"
#include "control/ledger/sqlite_ledger.h"
#include "control/server/server.h"
#include "dataplane/agent/agent.h"
#include "dataplane/verdict/verdict_table.h"

namespace postern::bench {
namespace {

using nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;
template <typename T>
using Expected = std::expected<T, std::string>;

constexpr uint32_t kMillion = 1'000'000;

// Distinct single addresses in no order: a bijection of the low bits (an odd multiplier).
IpAddress address(uint32_t i) {
  const uint32_t n = __builtin_bswap32(i * 2'654'435'761u);
  return IpAddress::from_v4(reinterpret_cast<const uint8_t*>(&n));
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Median and spread of what `once` returns, in `unit`.
Expected<ordered_json> row(const std::string& name, const std::string& what,
                           const std::string& unit, const std::string& input, int repetitions,
                           const std::function<Expected<double>()>& once) {
  std::vector<double> values;
  for (int i = 0; i < repetitions; ++i) {
    const auto value = once();
    if (!value) return std::unexpected(name + ": " + value.error());
    values.push_back(*value);
  }
  std::vector<double> sorted = values;
  std::ranges::sort(sorted);
  const double median = sorted[sorted.size() / 2];
  return ordered_json{{"row", name},
                      {"what", what},
                      {"unit", unit},
                      {"value", median},
                      {"spread", median > 0 ? (sorted.back() - sorted.front()) / median : 0},
                      {"repetitions", values},
                      {"input", input}};
}

// Control with a ledger of `verdicts` single addresses, in a directory that goes with it.
class Control {
 public:
  explicit Control(uint32_t verdicts) {
    std::string name = std::filesystem::temp_directory_path() / "postern-bench-XXXXXX";
    directory_ = mkdtemp(name.data());
    ledger_ = std::move(*ledger::open_sqlite_ledger(directory_ / "ledger.sqlite"));
    std::vector<ledger::Change> changes(verdicts);
    for (uint32_t i = 0; i < verdicts; ++i) {
      changes[i].verdict = {.prefix = IpPrefix::host(address(i)),
                            .treatment = channel::v1::TREATMENT_REFUSE,
                            .case_reference = {i + 1},
                            .reason = "relays spam",
                            .author = "policy",
                            .set_unix_s = 1'700'000'000,
                            .of = channel::v1::SWITCH_SMORF_BLOCK};
    }
    filled_ = ledger_->apply(changes).has_value();
    server_ = std::move(*server::Server::start(*ledger_, {.socket = socket()}));
  }
  ~Control() {
    server_.reset();
    ledger_.reset();
    std::filesystem::remove_all(directory_);
  }
  bool filled() const { return filled_; }
  std::filesystem::path socket() const { return directory_ / "control.sock"; }
  std::filesystem::path directory() const { return directory_; }
  ledger::Ledger& ledger() { return *ledger_; }

 private:
  std::filesystem::path directory_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<server::Server> server_;
  bool filled_ = false;
};

// A data plane's verdict side that holds nothing when it begins.
class DataPlane {
 public:
  DataPlane(Control& control, uint32_t capacity)
      : directory_(control.directory() / "gate"),
        table_(std::move(*verdict::VerdictTable::create({.capacity = capacity}))) {
    std::filesystem::remove_all(directory_);
    agent_ = std::move(*agent::Agent::create({.gate = "bench",
                                              .software = "bench",
                                              .control = "unix:" + control.socket().string(),
                                              .verdicts = {.directory = directory_}},
                                             *table_, {}, [](channel::v1::DataPlaneStatus&) {}));
  }
  ~DataPlane() { agent_->stop(); }
  Expected<void> start() { return agent_->start(); }
  // Nothing is asked of the agent meanwhile but a look at its version.
  bool wait_for(uint64_t version, std::chrono::seconds patience) {
    const auto until = Clock::now() + patience;
    while (agent_->verdicts_in_force().number < version) {
      if (Clock::now() > until) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    return true;
  }
  verdict::VerdictTable& table() { return *table_; }

 private:
  std::filesystem::path directory_;
  std::unique_ptr<verdict::VerdictTable> table_;
  std::unique_ptr<agent::Agent> agent_;
};

Expected<double> push(Control& control) {
  DataPlane gate(control, kMillion);
  const auto begin = Clock::now();
  if (auto started = gate.start(); !started) return std::unexpected(started.error());
  if (!gate.wait_for(control.ledger().version().number, std::chrono::seconds(60)))
    return std::unexpected("not in force after a minute");
  const double seconds = seconds_since(begin);
  if (gate.table().size() != kMillion) return std::unexpected("verdicts are missing");
  for (const uint32_t i : {0u, 499'999u, 999'999u}) {
    if (gate.table().lookup(address(i), 1).case_reference.number != i + 1)
      return std::unexpected("a verdict is another's");
  }
  return seconds * 1000;
}

// Until the data plane has all on its own disk, too: it would sync that meanwhile.
bool wait_for_disk(channel::v1::Operator::Stub& desk, uint64_t version) {
  const auto begin = Clock::now();
  while (seconds_since(begin) < 60) {
    grpc::ClientContext context;
    channel::v1::StatusReply reply;
    if (!desk.Status(&context, {}, &reply).ok()) return false;
    for (const auto& gate : reply.data_planes()) {
      if (gate.acknowledged_version() == version) return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

// From the request to set a verdict to the moment at which a look-up finds it.
Expected<double> change(channel::v1::Operator::Stub& desk, verdict::VerdictTable& table,
                        uint32_t number) {
  channel::v1::SetVerdictRequest request;
  request.set_prefix("203.0.113.7");
  request.set_treatment(channel::v1::TREATMENT_THROTTLE);
  request.set_messages_per_minute(number);
  request.set_author("bench");
  request.set_reason("bench");
  const IpAddress sender = *IpAddress::parse("203.0.113.7");
  bool failed = false;
  const auto begin = Clock::now();
  std::jthread asking([&] {
    grpc::ClientContext context;
    channel::v1::ChangeReply reply;
    failed = !desk.SetVerdict(&context, request, &reply).ok();
  });
  while (table.lookup(sender, 1).messages_per_minute != number) {
    if (seconds_since(begin) > 10) return std::unexpected("not in force after ten seconds");
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
  const double seconds = seconds_since(begin);
  asking.join();
  if (failed) return std::unexpected("the change was refused");
  return seconds * 1000;
}

channel::v1::EventBatch batch(uint64_t number, int events) {
  std::mt19937 random(static_cast<uint32_t>(number));
  channel::v1::EventBatch out;
  out.set_boot("bench");
  out.set_batch(number);
  for (int i = 0; i < events; ++i) {
    channel::v1::Event& event = *out.add_events();
    event.set_kind("message");
    event.set_outcome(i % 3 == 0 ? "refused_content" : "forwarded");
    event.set_wall_us(1'700'000'000'000'000 + number * 100'000);
    event.set_client(address(random() % 1000).to_string());
    event.set_server("198.51.100.25");
    event.set_helo("mail.example.com");
    event.set_auth_user("bob");
    event.set_mail_from("bob@example.com");
    event.add_recipients("alice@example.net");
    event.set_subject("An ordinary subject line of ordinary length");
    event.set_message_bytes(5'800);
    event.set_score(1.5);
    event.add_rules("HTML_MESSAGE");
    event.set_content_hash(fmt::format("{:016x}", random()));
    event.mutable_session()->set_dialect("postfix");
    event.mutable_origin()->set_ip("203.0.113.9");
  }
  return out;
}

Expected<double> store_events(Control& control, uint64_t& next) {
  constexpr int kBatches = 100, kEvents = 1000;
  std::vector<channel::v1::EventBatch> batches;
  for (int i = 0; i < kBatches; ++i) batches.push_back(batch(next++, kEvents));
  const auto begin = Clock::now();
  for (const auto& one : batches) {
    const auto stored = control.ledger().store_events("bench", one, 1'700'000'000);
    if (!stored || !*stored) return std::unexpected("a batch was not stored");
  }
  return kBatches * kEvents / seconds_since(begin);
}

Expected<ordered_json> measure_all(const std::regex& filter, int repetitions) {
  ordered_json rows = ordered_json::array();
  const auto wanted = [&](std::string_view name) {
    return std::regex_search(name.begin(), name.end(), filter);
  };
  const auto add = [&](Expected<ordered_json> one) -> Expected<void> {
    if (!one) return std::unexpected(one.error());
    rows.push_back(std::move(*one));
    return {};
  };
  if (wanted("verdict.held")) {
    constexpr uint32_t kTenMillion = 10 * kMillion;
    const uint64_t before = resident_bytes();
    auto table = verdict::VerdictTable::create({.capacity = kTenMillion});
    if (!table) return std::unexpected(table.error());
    uint64_t held = 0;
    {
      std::vector<verdict::PrefixVerdict> some(kMillion);
      for (uint32_t i = 0; i < kTenMillion;) {
        for (auto& one : some)
          one = {IpPrefix::host(address(i++)), verdict::Treatment::kRefuse, 0, CaseReference{i}, 0};
        if (auto done = (*table)->apply(some, {}); !done) return std::unexpected(done.error());
      }
      held = resident_bytes() - before - some.capacity() * sizeof some[0];
    }
    if ((*table)->lookup(address(9'876'543), 1).case_reference.number != 9'876'544)
      return std::unexpected("verdict.held: a verdict is another's");
    auto done = add(row("verdict.held.10000000", "resident memory of ten million verdicts, each",
                        "bytes", "single addresses", 1,
                        [&] { return std::round(static_cast<double>(held) / kTenMillion); }));
    if (!done) return std::unexpected(done.error());
  }
  if (wanted("verdict.push") || wanted("verdict.change")) {
    Control control(kMillion);
    if (!control.filled()) return std::unexpected("the ledger cannot be filled");
    auto done =
        add(row("verdict.push.1000000",
                "from a data plane's hello, holding nothing, to a million verdicts in force", "ms",
                "single addresses, SMORF blocks", repetitions, [&] { return push(control); }));
    if (!done) return std::unexpected(done.error());
    DataPlane gate(control, kMillion + 10);
    if (auto started = gate.start(); !started) return std::unexpected(started.error());
    const auto desk = channel::v1::Operator::NewStub(grpc::CreateChannel(
        "unix:" + control.socket().string(), grpc::InsecureChannelCredentials()));
    if (!wait_for_disk(*desk, control.ledger().version().number))
      return std::unexpected("verdict.change: not attached");
    uint32_t number = 0;
    done = add(
        row("verdict.change", "from an operator's request to the worker's look-up finding it", "ms",
            "one change beside a million verdicts; the ledger syncs to disk meanwhile",
            std::max(repetitions * 20, 1), [&] { return change(*desk, gate.table(), ++number); }));
    if (!done) return std::unexpected(done.error());
  }
  if (wanted("ledger.events")) {
    Control control(0);
    uint64_t next = 1;
    auto done =
        add(row("ledger.events", "events stored and counted by hour, each batch on the disk",
                "events/s", "batches of 1,000 messages of 1,000 senders", repetitions,
                [&] { return store_events(control, next); }));
    if (!done) return std::unexpected(done.error());
  }
  return rows;
}

int main(int argc, char** argv) {
  std::string filter = ".*", output;
  int repetitions = 5;
  CLI::App app("Measures verdicts from the ledger to the worker; bench/run calls it.");
  app.add_option("--filter", filter, "Measure only rows whose name this expression finds");
  app.add_option("--repetitions", repetitions)->check(CLI::Range(1, 1000));
  app.add_option("-o,--output", output, "The JSON file to write")->required();
  CLI11_PARSE(app, argc, argv);
  spdlog::set_level(spdlog::level::err);
  const auto rows = measure_all(std::regex(filter), repetitions);
  if (!rows) {
    fmt::print(stderr, "postern-bench-verdicts: {}\n", rows.error());
    return 1;
  }
  std::ofstream(output) << rows->dump(1) << '\n';
  return 0;
}

}  // namespace
}  // namespace postern::bench

int main(int argc, char** argv) { return postern::bench::main(argc, argv); }
