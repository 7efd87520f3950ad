#include <gmock/gmock.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include "control/cli/commands_fixture.h"
#include "control/server/token_desk.h"

namespace postern::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

// Against a desk of its own, on a socket of its own.
class ApiCommandTest : public CommandsTest {
 protected:
  ApiCommandTest() : desk_(*ledger_) {
    const std::string socket = directory_ / "tokens.sock";
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
    builder.RegisterService(&desk_);
    tokens_ = builder.BuildAndStart();
    setenv("POSTERN_SOCKET", socket.c_str(), 1);
  }
  ~ApiCommandTest() override { tokens_->Shutdown(); }

  static Outcome run_api(std::vector<std::string> words) {
    CLI::App app("test", "postern");
    int exit_code = 0;
    add_api_command(app, &exit_code);
    std::vector<const char*> arguments{"postern"};
    for (const std::string& word : words) arguments.push_back(word.c_str());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code =
        run_command_line(app, static_cast<int>(arguments.size()), arguments.data(), exit_code);
    fflush(stdout);
    return {code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
  }

  server::TokenDesk desk_;
  std::unique_ptr<grpc::Server> tokens_;
};

TEST_F(ApiCommandTest, ATokenIsPrintedOnceAndRevoked) {
  const Outcome made =
      run_api({"api", "token", "add", "monitor", "--role", "technician", "--for", "90d"});
  ASSERT_EQ(made.code, kOk) << made.err;
  const std::string text = made.out.substr(0, made.out.find('\n'));
  const auto kept = *ledger_->tokens().find(ledger::hash_of(text));
  ASSERT_TRUE(kept.has_value());
  EXPECT_EQ(kept->role, ledger::Role::kTechnician);
  EXPECT_EQ(kept->expires_unix_s - kept->created_unix_s, 90u * 86'400);

  const Outcome list = run_api({"api", "token", "list"});
  EXPECT_THAT(list.out, testing::AllOf(HasSubstr("monitor"), Not(HasSubstr(text))));
  EXPECT_EQ(run_api({"api", "token", "add", "monitor"}).code, kNegative);
  EXPECT_EQ(run_api({"api", "token", "revoke", "monitor"}).code, kOk);
  EXPECT_EQ(run_api({"api", "token", "revoke", "monitor"}).code, kNegative);
  EXPECT_THAT(run_api({"api", "token", "list"}).out, HasSubstr("revoked"));
}

TEST_F(ApiCommandTest, WhatMakesNoSenseIsWrongUsage) {
  EXPECT_EQ(run_api({"api", "token", "add", "a b"}).code, kUsage);
  EXPECT_EQ(run_api({"api", "token", "add", "a", "--role", "king"}).code, kUsage);
  EXPECT_EQ(run_api({"api", "token", "list"}).code, kNegative);
}

}  // namespace
}  // namespace postern::cli
