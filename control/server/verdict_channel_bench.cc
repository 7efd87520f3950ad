// From an operator's request to the acknowledgement of a data plane, over a Unix socket.
#include <benchmark/benchmark.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <spdlog/spdlog.h>
#include <stdlib.h>

#include <filesystem>
#include <thread>

#include "control/channel/channel.grpc.pb.h"
#include "control/ledger/sqlite_ledger.h"
#include "control/server/server.h"

namespace postern::server {
namespace {

// SetVerdict returns when the ledger has the change on disk and the one attached data plane, which
// answers at once, has acknowledged it.
void BM_VerdictInForce(benchmark::State& state) {
  using namespace channel::v1;
  spdlog::set_level(spdlog::level::warn);
  std::string name = std::filesystem::temp_directory_path() / "postern-channel-bench-XXXXXX";
  const std::filesystem::path directory = mkdtemp(name.data());
  {
    const auto ledger = std::move(*ledger::open_sqlite_ledger(directory / "ledger.sqlite"));
    const auto server = std::move(*Server::start(*ledger, {.socket = directory / "control.sock"}));
    const auto channel = grpc::CreateChannel("unix:" + (directory / "control.sock").string(),
                                             grpc::InsecureChannelCredentials());
    const auto data_plane = channel::v1::VerdictChannel::NewStub(channel);
    grpc::ClientContext context;
    const auto stream = data_plane->Attach(&context);
    FromDataPlane message;
    message.mutable_hello()->set_schema(1);
    message.mutable_hello()->set_gate("bench");
    stream->Write(message);
    std::thread answering([&] {
      ToDataPlane update;
      while (stream->Read(&update)) {
        if (!update.has_delta()) continue;
        message.mutable_ack()->set_epoch(update.delta().epoch());
        message.mutable_ack()->set_version(update.delta().to_version());
        stream->Write(message);
      }
    });
    const auto desk = channel::v1::Operator::NewStub(channel);
    SetVerdictRequest request;
    request.set_prefix("192.0.2.7");
    request.set_treatment(TREATMENT_REFUSE);
    request.set_reason("bench");
    request.set_author("bench");
    for (auto _ : state) {
      grpc::ClientContext call;
      ChangeReply reply;
      if (!desk->SetVerdict(&call, request, &reply).ok()) state.SkipWithError("not set");
    }
    context.TryCancel();
    answering.join();
  }
  std::filesystem::remove_all(directory);
}
BENCHMARK(BM_VerdictInForce)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace postern::server
