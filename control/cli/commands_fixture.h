// Commands as they are typed, against a control server in the test's process.
#pragma once

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/ledger/sqlite_ledger.h"
#include "control/server/server.h"

namespace postern::cli {

struct Outcome {
  int code;
  std::string out, err;
};

class CommandsTest : public testing::Test {
 protected:
  CommandsTest() {
    std::string name = testing::TempDir() + "postern-cli-XXXXXX";
    directory_ = mkdtemp(name.data());
    socket_ = directory_ / "control.sock";
    ledger_ = std::move(*ledger::open_sqlite_ledger(directory_ / "ledger.sqlite"));
    server_ = std::move(
        *server::Server::start(*ledger_, {.socket = socket_,
                                          // The events of these tests are years old.
                                          .retention = {.events = std::chrono::seconds(0)},
                                          .identity = {.software = "0.1"}}));
    spdlog::set_level(spdlog::level::off);  // it would stand in what the commands print
    setenv("POSTERN_SOCKET", socket_.c_str(), 1);
    setenv("SUDO_USER", "anna", 1);
  }
  ~CommandsTest() override {
    server_.reset();
    ledger_.reset();
    std::filesystem::remove_all(directory_);
  }

  static Outcome run(std::vector<std::string> words) {
    CLI::App app("test", "postern");
    app.require_subcommand(1);
    int exit_code = 0;
    add_verdict_command(app, &exit_code);
    add_guard_command(app, &exit_code);
    add_status_command(app, &exit_code);
    add_top_command(app, &exit_code);
    add_events_command(app, &exit_code);
    add_signature_loading_commands(*app.add_subcommand("signatures", ""), &exit_code);
    add_feed_command(app, &exit_code);
    add_audit_command(app, &exit_code);
    add_policy_command(app, &exit_code);
    add_customer_command(app, &exit_code);
    add_sender_command(app, &exit_code);
    add_case_command(app, &exit_code);
    add_ledger_command(app, &exit_code);
    std::vector<const char*> arguments{"postern"};
    for (const std::string& word : words) arguments.push_back(word.c_str());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code =
        run_command_line(app, static_cast<int>(arguments.size()), arguments.data(), exit_code);
    fflush(stdout);
    return {code, testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr()};
  }
  ledger::Verdict verdict_on(std::string_view prefix) {
    const auto verdict = ledger_->verdict_on({*IpPrefix::parse(prefix)});
    EXPECT_TRUE(verdict.has_value() && verdict->has_value()) << prefix;
    return verdict->value_or(ledger::Verdict());
  }

  std::filesystem::path directory_, socket_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<server::Server> server_;
};

}  // namespace postern::cli
