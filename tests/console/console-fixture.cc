// A control process with a seeded ledger, for the browser test: prints the console's address, a
// case link's path and tokens as one JSON line, and serves until its standard input ends.
#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "control/api/server.h"
#include "control/cases/case_link.h"
#include "control/ledger/sqlite_ledger.h"
#include "control/server/clock.h"
#include "control/server/server.h"
#include "tests/console/seeded_ledger.h"

int main() {
  using namespace postern;
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
