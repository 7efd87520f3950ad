// The control process's server over a real Unix socket, against a data plane of the test's own.
#include "control/server/server.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "control/channel/channel.grpc.pb.h"
#include "control/ledger/sqlite_ledger.h"

namespace postern::server {
namespace {

using namespace channel::v1;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Far beyond anything that passes: only a hanging test meets it.
std::chrono::system_clock::time_point soon() {
  return std::chrono::system_clock::now() + std::chrono::seconds(30);
}

std::shared_ptr<grpc::Channel> dial(const std::filesystem::path& socket) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
  return grpc::CreateCustomChannel("unix:" + socket.string(), grpc::InsecureChannelCredentials(),
                                   arguments);
}

// Speaks the data plane's side; answers nothing by itself.
class FakeDataPlane {
 public:
  explicit FakeDataPlane(const std::filesystem::path& socket, const std::string& gate = "edge-1",
                         const std::string& epoch = "", uint64_t version = 0, uint32_t schema = 1)
      : stub_(channel::v1::VerdictChannel::NewStub(dial(socket))) {
    context_.set_deadline(soon());
    stream_ = stub_->Attach(&context_);
    FromDataPlane message;
    Hello& hello = *message.mutable_hello();
    hello.set_schema(schema);
    hello.set_gate(gate);
    hello.set_software("test");
    hello.set_epoch(epoch);
    hello.set_version(version);
    stream_->Write(message);
  }
  ~FakeDataPlane() { context_.TryCancel(); }

  // Empty when the stream has ended.
  ToDataPlane receive() {
    ToDataPlane message;
    if (!stream_->Read(&message)) message.Clear();
    return message;
  }
  void acknowledge(const std::string& epoch, uint64_t version) {
    FromDataPlane message;
    message.mutable_ack()->set_epoch(epoch);
    message.mutable_ack()->set_version(version);
    stream_->Write(message);
  }
  void refuse(const std::string& reason) {
    FromDataPlane message;
    message.mutable_nack()->set_reason(reason);
    stream_->Write(message);
  }
  // Receives an update and takes it.
  ToDataPlane take() {
    ToDataPlane message = receive();
    if (message.has_snapshot() && message.snapshot().last()) {
      acknowledge(message.snapshot().epoch(), message.snapshot().version());
    }
    if (message.has_delta()) acknowledge(message.delta().epoch(), message.delta().to_version());
    return message;
  }
  void send(const FromDataPlane& message) { stream_->Write(message); }
  grpc::Status finish() { return stream_->Finish(); }

 private:
  std::unique_ptr<channel::v1::VerdictChannel::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<FromDataPlane, ToDataPlane>> stream_;
};

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    std::string name = testing::TempDir() + "postern-server-XXXXXX";
    directory_ = mkdtemp(name.data());
    socket_ = directory_ / "control.sock";
    ledger_ = std::move(*ledger::open_sqlite_ledger(directory_ / "ledger.sqlite"));
    start();
  }
  ~ServerTest() override {
    server_.reset();
    ledger_.reset();
    std::filesystem::remove_all(directory_);
  }
  void start() {
    auto server = Server::start(
        *ledger_, {.socket = socket_,
                   .identity = {.software = "0.1", .allocator = "test heap", .started_unix_s = 7}});
    ASSERT_TRUE(server.has_value()) << server.error();
    server_ = std::move(*server);
    desk_ = channel::v1::Operator::NewStub(dial(socket_));
  }

  // One question to the desk.
  template <typename Reply, typename Request>
  std::pair<grpc::Status, Reply> ask(grpc::Status (channel::v1::Operator::Stub::*method)(
                                         grpc::ClientContext*, const Request&, Reply*),
                                     const Request& request) {
    grpc::ClientContext context;
    context.set_deadline(soon());
    Reply reply;
    const grpc::Status status = (desk_.get()->*method)(&context, request, &reply);
    return {status, reply};
  }
  static SetVerdictRequest refusal_of(const std::string& prefix) {
    SetVerdictRequest request;
    request.set_prefix(prefix);
    request.set_treatment(TREATMENT_REFUSE);
    request.set_reason("relays spam");
    request.set_author("anna");
    return request;
  }
  std::pair<grpc::Status, ChangeReply> set(const SetVerdictRequest& request) {
    return ask(&channel::v1::Operator::Stub::SetVerdict, request);
  }
  StatusReply status() { return ask(&channel::v1::Operator::Stub::Status, StatusRequest()).second; }
  // Asks again until the answer fits.
  template <typename Condition>
  StatusReply status_when(Condition condition) {
    const auto end = soon();
    StatusReply reply = status();
    while (!condition(reply) && std::chrono::system_clock::now() < end) {
      std::this_thread::yield();
      reply = status();
    }
    EXPECT_TRUE(condition(reply)) << reply.DebugString();
    return reply;
  }

  std::filesystem::path directory_, socket_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<channel::v1::Operator::Stub> desk_;
};

TEST_F(ServerTest, AChangeIsInForceOnceEveryDataPlaneHasAcknowledged) {
  FakeDataPlane one(socket_, "edge-1"), two(socket_, "edge-2");
  EXPECT_TRUE(one.take().has_snapshot());
  EXPECT_TRUE(two.take().has_snapshot());

  std::thread first([&] { EXPECT_EQ(one.take().delta().upserts_size(), 1); });
  std::thread second([&] { EXPECT_EQ(two.take().delta().upserts_size(), 1); });
  const auto [outcome, reply] = set(refusal_of("192.0.2.7"));
  first.join();
  second.join();
  ASSERT_TRUE(outcome.ok()) << outcome.error_message();
  EXPECT_EQ(reply.version(), 1u);
  EXPECT_EQ(reply.attached(), 2u);
  EXPECT_EQ(reply.in_force(), 2u);
  EXPECT_NE(reply.entry().case_reference(), 0u);
  EXPECT_LT(reply.entry().case_reference(), uint64_t{1} << 50);
}

TEST_F(ServerTest, ADataPlaneThatDoesNotAnswerIsCountedAsNotInForce) {
  FakeDataPlane silent(socket_);
  EXPECT_TRUE(silent.receive().has_snapshot());
  const auto [outcome, reply] = set(refusal_of("192.0.2.7"));
  EXPECT_TRUE(outcome.ok());
  EXPECT_EQ(reply.attached(), 1u);
  EXPECT_EQ(reply.in_force(), 0u);
  EXPECT_TRUE(silent.receive().has_delta());
}

TEST_F(ServerTest, AReturningDataPlaneGetsDeltasAlsoAcrossARestartOfControl) {
  const std::string epoch = ledger_->version().epoch;
  ASSERT_TRUE(set(refusal_of("192.0.2.1")).first.ok());
  ASSERT_TRUE(set(refusal_of("192.0.2.2")).first.ok());
  server_.reset();
  ledger_.reset();
  ledger_ = std::move(*ledger::open_sqlite_ledger(directory_ / "ledger.sqlite"));
  start();

  FakeDataPlane data_plane(socket_, "edge-1", epoch, 1);
  const ToDataPlane missed = data_plane.take();
  ASSERT_TRUE(missed.has_delta()) << missed.DebugString();
  EXPECT_EQ(missed.delta().from_version(), 1u);
  EXPECT_EQ(missed.delta().to_version(), 2u);
}

TEST_F(ServerTest, ARefusedUpdateIsShownAndFollowedByASnapshot) {
  FakeDataPlane data_plane(socket_);
  data_plane.take();
  std::thread change([&] { set(refusal_of("192.0.2.1")); });
  EXPECT_TRUE(data_plane.receive().has_delta());
  data_plane.refuse("table full");
  const ToDataPlane next = data_plane.receive();
  EXPECT_TRUE(next.has_snapshot());
  EXPECT_EQ(next.snapshot().verdicts_size(), 1);
  status_when([](const StatusReply& s) { return s.data_planes(0).refused() == "table full"; });
  data_plane.acknowledge(next.snapshot().epoch(), next.snapshot().version());
  status_when([](const StatusReply& s) {
    return s.data_planes(0).acknowledged_version() == 1 && s.data_planes(0).refused().empty();
  });
  change.join();
}

TEST_F(ServerTest, AnExpiredVerdictIsRemovedByADelta) {
  FakeDataPlane data_plane(socket_);
  data_plane.take();
  SetVerdictRequest request = refusal_of("192.0.2.1");
  request.set_for_seconds(1);
  std::thread change([&] { set(request); });
  EXPECT_EQ(data_plane.take().delta().upserts_size(), 1);
  const ToDataPlane removal = data_plane.take();
  EXPECT_EQ(removal.delta().removals_size(), 1);
  EXPECT_EQ(removal.delta().removals(0).address(), std::string("\300\0\2\1", 4));
  change.join();
  EXPECT_EQ(status().verdicts(), 0u);
}

TEST_F(ServerTest, EventsAreAcknowledgedOnceStoredAndStoredOnce) {
  FakeDataPlane data_plane(socket_);
  data_plane.take();
  FromDataPlane message;
  EventBatch& batch = *message.mutable_events();
  batch.set_batch(1);
  batch.set_boot("boot-1");
  batch.add_events()->set_client("192.0.2.7");
  batch.mutable_events(0)->set_outcome("refused_content");
  for (int attempt = 0; attempt < 2; ++attempt) {
    data_plane.send(message);
    const ToDataPlane answer = data_plane.receive();
    ASSERT_TRUE(answer.has_events_ack());
    EXPECT_EQ(answer.events_ack().batch(), 1u);
    EXPECT_EQ(ledger_->totals()->events, 1u);
  }
  ListEventsRequest question;
  question.set_client("192.0.2.0/24");
  question.set_outcome("refused_content");
  EXPECT_EQ(ask(&channel::v1::Operator::Stub::ListEvents, question).second.events_size(), 1);
  question.set_client("192.0.3.0/24");
  EXPECT_EQ(ask(&channel::v1::Operator::Stub::ListEvents, question).second.events_size(), 0);
}

TEST_F(ServerTest, StatusShowsBothSidesAndRemembersWhoWentAway) {
  {
    FakeDataPlane data_plane(socket_, "edge-1");
    data_plane.take();
    FromDataPlane message;
    message.mutable_status()->set_allocator("mimalloc 2.0.9");
    message.mutable_status()->set_default_treatment(TREATMENT_PASS);
    data_plane.send(message);
    const StatusReply now = status_when([](const StatusReply& s) {
      return s.data_planes_size() == 1 && s.data_planes(0).has_status();
    });
    EXPECT_EQ(now.software(), "0.1");
    EXPECT_EQ(now.allocator(), "test heap");
    EXPECT_EQ(now.started_unix_s(), 7u);
    EXPECT_EQ(now.ledger(), (directory_ / "ledger.sqlite").string());
    EXPECT_TRUE(now.data_planes(0).attached());
    EXPECT_EQ(now.data_planes(0).status().allocator(), "mimalloc 2.0.9");
    ExplainRequest question;
    question.set_address("192.0.2.1");
    EXPECT_EQ(ask(&channel::v1::Operator::Stub::Explain, question).second.default_treatment(),
              TREATMENT_PASS);
  }
  const StatusReply later =
      status_when([](const StatusReply& s) { return !s.data_planes(0).attached(); });
  EXPECT_EQ(later.data_planes(0).gate(), "edge-1");
}

TEST_F(ServerTest, ANewerStreamOfTheSameGateEndsTheOlder) {
  FakeDataPlane older(socket_, "edge-1");
  older.take();
  FakeDataPlane newer(socket_, "edge-1");
  newer.take();
  EXPECT_EQ(older.receive().message_case(), ToDataPlane::MESSAGE_NOT_SET);
  EXPECT_EQ(older.finish().error_code(), grpc::StatusCode::CANCELLED);
  const StatusReply now = status();
  EXPECT_EQ(now.data_planes_size(), 1);
  EXPECT_TRUE(now.data_planes(0).attached());
}

TEST_F(ServerTest, AStreamOfAnotherSchemaOrWithoutANameIsTurnedAwayWithTheReason) {
  FakeDataPlane foreign(socket_, "edge-1", "", 0, 2);
  EXPECT_EQ(foreign.receive().message_case(), ToDataPlane::MESSAGE_NOT_SET);
  EXPECT_THAT(foreign.finish().error_message(), HasSubstr("install the same version of both"));
  FakeDataPlane nameless(socket_, "");
  EXPECT_EQ(nameless.receive().message_case(), ToDataPlane::MESSAGE_NOT_SET);
  EXPECT_THAT(nameless.finish().error_message(), HasSubstr("name the gate"));
  EXPECT_EQ(status().data_planes_size(), 0);
}

TEST_F(ServerTest, WhatMakesNoSenseIsRefusedWithWhatWould) {
  const auto refused = [&](auto change) {
    SetVerdictRequest request = refusal_of("192.0.2.7");
    change(request);
    const grpc::Status status = set(request).first;
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    return status.error_message();
  };
  EXPECT_THAT(refused([](auto& r) { r.set_prefix("192.0.2.7/24"); }), HasSubstr("192.0.2.0/24"));
  EXPECT_THAT(refused([](auto& r) { r.set_treatment(TREATMENT_UNSPECIFIED); }),
              HasSubstr("pass, inspect"));
  EXPECT_THAT(refused([](auto& r) { r.set_treatment(TREATMENT_THROTTLE); }),
              HasSubstr("needs a rate"));
  EXPECT_THAT(refused([](auto& r) { r.set_messages_per_minute(3); }), HasSubstr("throttle only"));
  EXPECT_THAT(refused([](auto& r) { r.set_reason(""); }), HasSubstr("a reason is needed"));
  EXPECT_THAT(refused([](auto& r) { r.set_reason("a\x1b[2Jb"); }), HasSubstr("control characters"));
  EXPECT_THAT(refused([](auto& r) { r.set_for_seconds(~uint64_t{0}); }),
              HasSubstr("hundred years"));
  EXPECT_THAT(refused([](auto& r) { r.set_part("user:bob"); }), HasSubstr("smorf-block"));
  EXPECT_THAT(refused([](auto& r) {
                r.set_of(channel::v1::SWITCH_SMORF_BLOCK);
                r.set_part("user:bob");
                r.set_treatment(channel::v1::TREATMENT_DROP);
              }),
              HasSubstr("held or refused"));
  EXPECT_THAT(refused([](auto& r) {
                r.set_of(channel::v1::SWITCH_SMORF_BLOCK);
                r.set_part("bob");
              }),
              HasSubstr("user:NAME"));
  EXPECT_EQ(ledger_->version().number, 0u);
}

TEST_F(ServerTest, ARestrictionKeepsTheCaseItHasUntilItIsLifted) {
  const uint64_t first = set(refusal_of("192.0.2.7")).second.entry().case_reference();
  SetVerdictRequest hold = refusal_of("192.0.2.7");
  hold.set_treatment(TREATMENT_HOLD);
  EXPECT_EQ(set(hold).second.entry().case_reference(), first);
  EXPECT_NE(set(refusal_of("192.0.2.8")).second.entry().case_reference(), first);
  SetVerdictRequest inspect = refusal_of("192.0.2.7");
  inspect.set_treatment(TREATMENT_INSPECT);
  EXPECT_EQ(set(inspect).second.entry().case_reference(), 0u);
  SetVerdictRequest given = refusal_of("192.0.2.9");
  given.set_case_reference(99);
  EXPECT_EQ(set(given).second.entry().case_reference(), 99u);
}

TEST_F(ServerTest, ClearingWhatIsNotThereSaysWhatCoversIt) {
  ASSERT_TRUE(set(refusal_of("192.0.2.0/24")).first.ok());
  ClearVerdictRequest request;
  request.set_prefix("192.0.2.7");
  request.set_reason("mended");
  request.set_author("anna");
  const grpc::Status missing = ask(&channel::v1::Operator::Stub::ClearVerdict, request).first;
  EXPECT_EQ(missing.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(missing.error_message(), HasSubstr("192.0.2.0/24"));
  request.set_prefix("192.0.2.0/24");
  EXPECT_TRUE(ask(&channel::v1::Operator::Stub::ClearVerdict, request).first.ok());
  EXPECT_EQ(status().verdicts(), 0u);
}

TEST_F(ServerTest, TheSocketIsForOwnerAndGroup) {
  struct stat about {};
  ASSERT_EQ(stat(socket_.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0660u);
}

TEST_F(ServerTest, ASecondInstanceIsRefusedAndTheFirstLivesOn) {
  const auto second = Server::start(*ledger_, {.socket = socket_, .identity = {}});
  ASSERT_FALSE(second.has_value());
  EXPECT_THAT(second.error(),
              AllOf(HasSubstr("another postern-control"), HasSubstr(std::to_string(getpid()))));
  EXPECT_EQ(status().software(), "0.1");
}

TEST_F(ServerTest, AStaleSocketIsReplacedAndAnotherFileIsNot) {
  server_.reset();
  const int stale = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket_.string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(stale, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  close(stale);
  start();
  EXPECT_EQ(status().software(), "0.1");

  server_.reset();
  std::ofstream(socket_) << "precious";
  const auto blocked = Server::start(*ledger_, {.socket = socket_, .identity = {}});
  ASSERT_FALSE(blocked.has_value());
  EXPECT_THAT(blocked.error(), HasSubstr("is no socket"));
  EXPECT_EQ(std::filesystem::file_size(socket_), 8u);
}

TEST_F(ServerTest, APathThatUnixCannotHoldIsRefused) {
  const auto server =
      Server::start(*ledger_, {.socket = directory_ / std::string(120, 's'), .identity = {}});
  ASSERT_FALSE(server.has_value());
  EXPECT_THAT(server.error(), HasSubstr("shorter"));
}

}  // namespace
}  // namespace postern::server
