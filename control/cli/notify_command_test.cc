// `postern notify` as it is typed, against its desk in this process.
#include <gmock/gmock.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/ledger/sqlite_ledger.h"
#include "control/server/notify_desk.h"

namespace postern::cli {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;

constexpr CaseReference kReference{0x1234};  // 00000004HM
constexpr uint64_t kNow = 1'700'000'000;

class NotifyCommandTest : public testing::Test {
 protected:
  NotifyCommandTest() {
    std::string name = testing::TempDir() + "postern-notify-XXXXXX";
    directory_ = mkdtemp(name.data());
    ledger_ = std::move(*ledger::open_sqlite_ledger(directory_ / "ledger.sqlite"));
    notify::Settings settings;
    settings.operators = {"desk@operator.example"};
    settings.spool = directory_ / "spool";
    spdlog::set_level(spdlog::level::off);  // it would stand in what the commands print
    notifier_ = std::make_unique<notify::Notifier>(
        *ledger_, settings, [](CaseReference) { return "https://gate.example/"; },
        [] { return kNow; });
    desk_ = std::make_unique<server::NotifyDesk>(*notifier_);
    const std::string socket = directory_ / "control.sock";
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
    builder.RegisterService(desk_.get());
    server_ = builder.BuildAndStart();
    setenv("POSTERN_SOCKET", socket.c_str(), 1);
    [&] {
      ASSERT_TRUE(ledger_->cases().open({.reference = kReference,
                                         .subject = {*IpPrefix::parse("192.0.2.7"), ""},
                                         .opened_unix_s = kNow},
                                        {kNow, "policy", "opened", "spam"}));
    }();
  }
  ~NotifyCommandTest() override {
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
    notifier_.reset();
    ledger_.reset();
    std::filesystem::remove_all(directory_);
  }
  // Its exit code, its standard output and what it complained.
  struct Outcome {
    int code;
    std::string out, err;
  };
  static Outcome run(std::vector<const char*> words) {
    words.insert(words.begin(), {"postern", "notify"});
    CLI::App app("", "postern");
    int code = 0;
    add_notify_command(app, &code);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    code = run_command_line(app, static_cast<int>(words.size()), words.data(), code);
    fflush(stdout);
    std::string out = testing::internal::GetCapturedStdout();
    return {code, out, testing::internal::GetCapturedStderr()};
  }

  std::filesystem::path directory_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<notify::Notifier> notifier_;
  std::unique_ptr<server::NotifyDesk> desk_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(NotifyCommandTest, ShowsWhatWouldBeSentAndSendsNothing) {
  const Outcome shown = run({"preview", "00000004HM"});
  EXPECT_EQ(shown.code, kOk);
  EXPECT_THAT(shown.out, AllOf(HasSubstr("--- email to desk@operator.example (operator)\n"),
                               HasSubstr("Subject: [00000004HM] Spam from 192.0.2.7\n"),
                               HasSubstr("  https://gate.example/\n")));
  EXPECT_EQ(run({"list"}).code, kNegative);
  EXPECT_EQ(run({"preview", "7F3A00KX1M"}).code, kNegative);
  EXPECT_EQ(run({"preview", "!"}).code, kUsage);
  const Outcome unknown = run({"preview", "00000004HM", "--what", "exploded"});
  EXPECT_EQ(unknown.code, kUsage);
  EXPECT_THAT(unknown.err, HasSubstr("nobody is told of 'exploded'; they are of opened, "));
}

TEST_F(NotifyCommandTest, ListsAndTriesAgain) {
  notifier_->take_ways({.letter = [](const ledger::OutboxMessage&) {
    return notify::Delivery{.hopeless = true, .text = "550 \x1b[2Jno"};
  }});
  ASSERT_TRUE(ledger_->outbox().note(std::vector<ledger::Happening>{
      {.reference = kReference, .what = "opened", .at_unix_s = kNow}}));
  ASSERT_TRUE(notifier_->drain(kNow));
  const Outcome listed = run({"list", "--case", "00000004HM"});
  EXPECT_EQ(listed.code, kOk);
  EXPECT_THAT(listed.out, AllOf(HasSubstr("desk@operator.example"), HasSubstr("given up: 550 "),
                                testing::Not(HasSubstr("\x1b"))));
  EXPECT_EQ(run({"list", "--waiting"}).code, kNegative);

  notifier_->take_ways(
      {.letter = [](const ledger::OutboxMessage&) { return notify::Delivery{.done = true}; }});
  EXPECT_EQ(run({"retry", "1"}).code, kOk);
  ASSERT_TRUE(notifier_->drain(kNow));
  const auto json = json::parse(run({"list", "--json"}).out);
  ASSERT_THAT(json["notices"], SizeIs(1));
  EXPECT_EQ(json["notices"][0]["delivered"], "2023-11-14T22:13:20Z");
  EXPECT_EQ(json["untold"], 0);
  EXPECT_EQ(run({"retry", "1"}).code, kNegative);
  EXPECT_EQ(run({"retry"}).code, kUsage);
  EXPECT_EQ(run({"retry", "--all"}).code, kOk);
}

TEST_F(NotifyCommandTest, ATestSaysHowItEnded) {
  const Outcome sent = run({"test", "anna@example.com"});
  EXPECT_EQ(sent.code, kOk) << sent.err;
  EXPECT_THAT(sent.out, HasSubstr((directory_ / "spool").string()));
  EXPECT_EQ(run({"test", "anna"}).code, kUsage);
  const Outcome failed = run({"test", "http://127.0.0.1:1/hook?token=geheim"});
  EXPECT_EQ(failed.code, kNegative);
  EXPECT_THAT(failed.err,
              AllOf(HasSubstr("http://127.0.0.1:1/hook: "), testing::Not(HasSubstr("geheim"))));
}

}  // namespace
}  // namespace postern::cli
