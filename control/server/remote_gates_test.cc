// Gates on other machines: mutual TLS over loopback, with certificates as operators make them.
#include "control/server/remote_gates.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "base/testing/test_certificates.h"
#include "control/channel/channel.grpc.pb.h"
#include "control/channel/operator.grpc.pb.h"
#include "control/ledger/sqlite_ledger.h"
#include "control/server/server.h"

namespace postern::server {
namespace {

using namespace channel::v1;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

// Far beyond anything that passes: only a hanging test meets it.
std::chrono::system_clock::time_point soon() {
  return std::chrono::system_clock::now() + std::chrono::seconds(30);
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

// What is logged while it lives. gRPC's threads log, too.
class Logged {
 public:
  Logged() : before_(spdlog::default_logger()) {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink_));
  }
  ~Logged() { spdlog::set_default_logger(before_); }
  int lines_with(std::string_view part) const {
    return static_cast<int>(std::ranges::count_if(
        lines(), [&](const std::string& line) { return line.contains(part); }));
  }
  std::vector<std::string> lines() const { return sink_->last_formatted(); }

 private:
  std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> sink_ =
      std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(1000);
  std::shared_ptr<spdlog::logger> before_;
};

class RemoteGatesTest : public testing::Test {
 protected:
  RemoteGatesTest() {
    std::string name = testing::TempDir() + "postern-remote-XXXXXX";
    directory_ = mkdtemp(name.data());
    ledger_ = std::move(*ledger::open_sqlite_ledger(directory_ / "ledger.sqlite"));
  }
  ~RemoteGatesTest() override {
    server_.reset();
    ledger_.reset();
    std::filesystem::remove_all(directory_);
  }
  std::expected<void, std::string> start(const RemoteSettings& remote) {
    auto server =
        Server::start(*ledger_, {.socket = directory_ / "control.sock", .remote = remote});
    if (!server) return std::unexpected(server.error());
    server_ = std::move(*server);
    return {};
  }
  void start_allowing(const std::vector<std::string>& allowed) {
    const auto started =
        start({.listen = "127.0.0.1:0", .files = certificates_.control(), .allowed = allowed});
    ASSERT_TRUE(started.has_value()) << started.error();
  }
  std::shared_ptr<grpc::Channel> dial(const std::shared_ptr<grpc::ChannelCredentials>& as) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(fmt::format("127.0.0.1:{}", server_->remote_port()), as,
                                     arguments);
  }
  static std::shared_ptr<grpc::ChannelCredentials> with(const TlsFiles& files,
                                                        const TlsFiles& trusting) {
    return grpc::SslCredentials({.pem_root_certs = text_of(trusting.authorities),
                                 .pem_private_key = text_of(files.key),
                                 .pem_cert_chain = text_of(files.certificate)});
  }
  std::shared_ptr<grpc::ChannelCredentials> with(const TlsFiles& files) {
    return with(files, certificates_.control());
  }
  // What becomes of one that attaches as `gate`: its first update, or why there is none.
  struct Attached {
    std::optional<ToDataPlane> update;
    grpc::Status end;
  };
  Attached attach(const std::shared_ptr<grpc::ChannelCredentials>& as, const std::string& gate) {
    const auto stub = channel::v1::VerdictChannel::NewStub(dial(as));
    grpc::ClientContext context;
    context.set_deadline(soon());
    const auto stream = stub->Attach(&context);
    FromDataPlane hello;
    hello.mutable_hello()->set_schema(1);
    hello.mutable_hello()->set_gate(gate);
    stream->Write(hello);
    Attached out;
    ToDataPlane message;
    while (!out.update && stream->Read(&message))
      if (message.has_snapshot()) out.update = message;
    if (out.update) {
      context.TryCancel();
      while (stream->Read(&message)) {
      }
    }
    out.end = stream->Finish();
    return out;
  }
  StatusReply status() {
    const auto desk = channel::v1::Operator::NewStub(server_->channel());
    grpc::ClientContext context;
    context.set_deadline(soon());
    StatusReply reply;
    EXPECT_TRUE(desk->Status(&context, {}, &reply).ok());
    return reply;
  }

  TestCertificates certificates_;
  std::filesystem::path directory_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<Server> server_;
};

TEST_F(RemoteGatesTest, AGateWithItsCertificateGetsTheVerdicts) {
  start_allowing({});
  const auto edge = attach(with(certificates_.gate("edge-2")), "edge-2");
  ASSERT_TRUE(edge.update.has_value()) << edge.end.error_message();
  EXPECT_TRUE(edge.update->snapshot().last());
  EXPECT_EQ(edge.update->snapshot().epoch(), ledger_->version().epoch);
  ASSERT_EQ(status().data_planes_size(), 1);
  EXPECT_EQ(status().data_planes(0).gate(), "edge-2");
}

TEST_F(RemoteGatesTest, OneGateCannotSpeakForAnother) {
  start_allowing({});
  const auto liar = attach(with(certificates_.gate("edge-3")), "edge-2");
  EXPECT_FALSE(liar.update.has_value());
  EXPECT_EQ(liar.end.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(liar.end.error_message(),
              AllOf(HasSubstr("it is gate edge-2"), HasSubstr("is for edge-3")));
  EXPECT_EQ(status().data_planes_size(), 0);
}

TEST_F(RemoteGatesTest, OnlyThoseAllowedMayCome) {
  start_allowing({"edge-2"});
  EXPECT_TRUE(attach(with(certificates_.gate("edge-2")), "edge-2").update.has_value());
  const auto other = attach(with(certificates_.gate("edge-3")), "edge-3");
  EXPECT_FALSE(other.update.has_value());
  EXPECT_EQ(other.end.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(other.end.error_message(), HasSubstr("remote.allowed"));
}

TEST_F(RemoteGatesTest, WithoutACertificateOrWithoutTlsNobodyIsHeard) {
  start_allowing({});
  const auto bare =
      attach(grpc::SslCredentials({.pem_root_certs = text_of(certificates_.control().authorities)}),
             "edge-2");
  EXPECT_FALSE(bare.update.has_value());
  EXPECT_EQ(bare.end.error_code(), grpc::StatusCode::UNAVAILABLE);
  const auto plain = attach(grpc::InsecureChannelCredentials(), "edge-2");
  EXPECT_FALSE(plain.update.has_value());
  EXPECT_EQ(plain.end.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status().data_planes_size(), 0);
}

TEST_F(RemoteGatesTest, ACertificateOfAnotherAuthorityIsNone) {
  const Logged logged;
  start_allowing({});
  TestCertificates others;
  const auto stranger = attach(with(others.gate("edge-2")), "edge-2");
  EXPECT_FALSE(stranger.update.has_value());
  EXPECT_EQ(stranger.end.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(logged.lines(),
              Contains(HasSubstr("turned away: its certificate is of no authority in")));
  EXPECT_EQ(status().data_planes_size(), 0);
}

// To whom a handshake shows which certificate is seen by whom the peer trusts.
TEST_F(RemoteGatesTest, RenewedFilesAreUsedByTheNextConnection) {
  start_allowing({});
  TestCertificates others;
  const auto old = with(certificates_.gate("edge-2")),
             renewed = with(others.gate("edge-2"), others.control());
  EXPECT_TRUE(attach(old, "edge-2").update.has_value());
  EXPECT_FALSE(attach(renewed, "edge-2").update.has_value());
  const TlsFiles ours = certificates_.control(), theirs = others.control();
  for (const auto& [to, from] :
       {std::pair(ours.certificate, theirs.certificate), std::pair(ours.key, theirs.key),
        std::pair(ours.authorities, theirs.authorities)})
    std::filesystem::rename(from, to);
  EXPECT_TRUE(attach(renewed, "edge-2").update.has_value());
  EXPECT_FALSE(attach(old, "edge-2").update.has_value());
}

TEST_F(RemoteGatesTest, ABrokenReplacementChangesNothingAndIsSaidOnce) {
  start_allowing({});
  const auto edge = with(certificates_.gate("edge-2"));
  const auto broken = {certificates_.control().certificate, certificates_.control().key,
                       certificates_.control().authorities};
  const char* names[] = {"remote.certificate: ", "remote.key: ", "remote.clients: "};
  const char** name = names;
  for (const std::filesystem::path& file : broken) {
    const std::string good = text_of(file);
    std::ofstream(file) << "half a file";
    const Logged logged;
    EXPECT_TRUE(attach(edge, "edge-2").update.has_value());
    EXPECT_TRUE(attach(edge, "edge-2").update.has_value());
    EXPECT_EQ(logged.lines_with(*name), 1);
    EXPECT_EQ(logged.lines_with("is still shown"), 1);
    ++name;
    std::ofstream(file) << good;
    EXPECT_TRUE(attach(edge, "edge-2").update.has_value());
  }
}

TEST_F(RemoteGatesTest, OperatorsAreNotServedThere) {
  start_allowing({});
  const auto desk = channel::v1::Operator::NewStub(dial(with(certificates_.gate("edge-2"))));
  grpc::ClientContext context;
  context.set_deadline(soon());
  StatusReply reply;
  EXPECT_EQ(desk->Status(&context, {}, &reply).error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(RemoteGatesTest, WhatCannotBeServedIsSaidAtTheStart) {
  RemoteSettings wrong{.listen = "127.0.0.1:0", .files = certificates_.control()};
  wrong.files.key = certificates_.gate("edge-2").key;
  auto started = start(wrong);
  ASSERT_FALSE(started.has_value());
  EXPECT_THAT(started.error(), AllOf(HasSubstr("remote.key"), HasSubstr("is not the key of")));
  // An address that no machine has (RFC 5737).
  started = start({.listen = "192.0.2.1:4711", .files = certificates_.control()});
  ASSERT_FALSE(started.has_value());
  EXPECT_THAT(started.error(), HasSubstr("remote.listen: cannot listen on 192.0.2.1:4711"));
}

TEST_F(RemoteGatesTest, WithoutRemoteListenThereIsNoPort) {
  ASSERT_TRUE(start({}).has_value());
  EXPECT_EQ(server_->remote_port(), 0);
}

TEST(Obstacle, NamesAreComparedWhole) {
  EXPECT_THAT(obstacle({"edge-2", "edge-3"}, {}, "edge-3"), IsEmpty());
  EXPECT_THAT(obstacle({"edge-20"}, {}, "edge-2"), HasSubstr("is for edge-20"));
  EXPECT_THAT(obstacle({"*"}, {}, "edge-2"), HasSubstr("is for *"));
  EXPECT_THAT(obstacle({}, {}, "edge-2"), HasSubstr("is for nobody"));
}

TEST(RemoteSettings, ListenIsAnAddressWithAPort) {
  const auto listen = [](const char* text) {
    const auto config = parse_config(fmt::format("[remote]\nlisten = \"{}\"\n", text), "c.toml",
                                     remote_config_keys());
    const auto read = read_remote_settings(*config);
    return read ? read->listen : read.error();
  };
  EXPECT_EQ(listen("192.0.2.1:4711"), "192.0.2.1:4711");
  EXPECT_EQ(listen("[2001:db8::1]:4711"), "[2001:db8::1]:4711");
  for (const char* wrong :
       {"4711", "192.0.2.1", "2001:db8::1:4711x", "host:4711", "192.0.2.1:70000"})
    EXPECT_THAT(listen(wrong), HasSubstr("remote.listen: \"")) << wrong;
}

}  // namespace
}  // namespace postern::server
