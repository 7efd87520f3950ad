// A control process with a seeded ledger, for the browser test: prints the console's address, a
// case link's path and tokens as one JSON line, and serves until its standard input ends.
#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "control/api/server.h"
#include "control/cases/case_link.h"
#include "control/channel/channel.grpc.pb.h"
#include "control/ledger/sqlite_ledger.h"
#include "control/server/clock.h"
#include "control/server/server.h"
#include "tests/console/seeded_ledger.h"

namespace {

using namespace postern;

// A data plane that has attached and said how it is.
class SeededGate {
 public:
  explicit SeededGate(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(channel::v1::VerdictChannel::NewStub(channel)), stream_(stub_->Attach(&context_)) {
    channel::v1::FromDataPlane message;
    message.mutable_hello()->set_schema(1);
    message.mutable_hello()->set_gate("edge-1");
    message.mutable_hello()->set_software("0.1.0");
    stream_->Write(message);
    channel::v1::DataPlaneStatus& status = *message.mutable_status();
    status.set_software("0.1.0");
    status.set_started_unix_s(server::unix_s() - 86'400);
    status.set_allocator("mimalloc 2.0.9");
    status.set_verdicts_held(4);
    status.set_signature_set("shipped 5f1c0ffee5f1");
    status.set_signature_rules(1'521);
    status.set_threshold(5);
    status.set_default_treatment(channel::v1::TREATMENT_INSPECT);
    for (const char* port : {"0000:03:00.0", "0000:03:00.1"}) status.add_ports(port);
    channel::v1::WorkerStatus& worker = *status.add_workers();
    worker.set_flows(1'204);
    worker.set_messages_in_flight(37);
    const std::pair<const char*, uint64_t> counters[] = {
        {"messages_forwarded", 48'211}, {"messages_refused_content", 267}, {"drop_no_room", 3}};
    for (const auto& [name, value] : counters) {
      channel::v1::CounterValue& counter = *worker.add_counters();
      counter.set_name(name);
      counter.set_value(value);
    }
    stream_->Write(message);
  }
  ~SeededGate() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<channel::v1::VerdictChannel::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<channel::v1::FromDataPlane, channel::v1::ToDataPlane>>
      stream_;
};

}  // namespace

int main() {
  spdlog::set_level(spdlog::level::off);  // standard output is for the one line
  std::string name = std::filesystem::temp_directory_path() / "postern-console-XXXXXX";
  const std::filesystem::path directory = mkdtemp(name.data());
  {
    const uint64_t now = server::unix_s();
    auto ledger = ledger::open_sqlite_ledger(directory / "ledger.sqlite").value();
    console::seed(*ledger, now);
    nlohmann::json told;
    for (size_t role = 0; role < std::size(ledger::kRoleNames); ++role) {
      const std::string text = ledger::new_token();
      const std::string who(ledger::kRoleNames[role]);
      ledger->tokens()
          .add({.name = who,
                .role = static_cast<ledger::Role>(role),
                .hash = ledger::hash_of(text),
                .created_unix_s = now},
               "fixture")
          .value();
      told["tokens"][who] = text;
    }
    const auto desks =
        server::Server::start(*ledger, {.socket = directory / "control.sock",
                                        .identity = {.software = "0.1.0", .started_unix_s = now}});
    if (!desks) throw std::runtime_error(desks.error());
    const auto channel = grpc::CreateChannel("unix:" + (directory / "control.sock").string(),
                                             grpc::InsecureChannelCredentials());
    const SeededGate gate(channel);
    const auto api = api::Server::start(*ledger, channel, {.address = "127.0.0.1"});
    if (!api) throw std::runtime_error(api.error());
    const auto links = cases::CaseLinks::open(ledger->location() + ".case-key").value();
    told["address"] = fmt::format("http://127.0.0.1:{}", (*api)->port());
    told["case"] = console::kHostileCase.to_string();
    told["link"] = "/c/" + links.token(console::kHostileCase, now + 86'400);
    fmt::print("{}\n", told.dump());
    fflush(stdout);
    char octet;
    while (read(STDIN_FILENO, &octet, 1) > 0) continue;
  }
  std::filesystem::remove_all(directory);
  return 0;
}
