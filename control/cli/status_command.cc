#include <fmt/format.h>

#include <chrono>

#include "control/channel/json.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/status_text.h"

namespace postern::cli {
namespace {

int show_status(const ControlOptions& options) {
  channel::v1::StatusReply reply;
  const int code =
      ControlConnection(options.socket)
          .ask(&channel::v1::Operator::Stub::Status, channel::v1::StatusRequest(), &reply);
  if (code != kOk) return code;
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  const auto now_ms = static_cast<uint64_t>(now.count());
  if (options.json) {
    fmt::print("{}\n", channel::to_json(reply, now_ms)
                           .dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  } else {
    fmt::print("{}", status_text(reply, now_ms));
  }
  return kOk;
}

}  // namespace

void add_status_command(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<ControlOptions>();
  CLI::App* command =
      app.add_subcommand("status", "Both processes: versions, verdicts in force, messages, drops");
  options->add_to(*command);
  command->callback([options, exit_code] { *exit_code = show_status(*options); });
}

}  // namespace postern::cli
