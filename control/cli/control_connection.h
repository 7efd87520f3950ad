// The command line's connection to the control process, and the exit codes that follow from its
// answers.
#pragma once

#include <grpcpp/channel.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "control/channel/operator.grpc.pb.h"

namespace postern::cli {

// What every command of `postern` ends with.
enum ExitCode : int {
  kOk = 0,
  kNegative = 1,     // the answer is no: nothing found, nowhere in force
  kUsage = 2,        // the command or its input makes no sense
  kUnreachable = 3,  // the control process cannot be reached, or cannot do its work
};

// Options of every command that talks to the control process.
struct ControlOptions {
  std::string socket = "/run/postern/control.sock";
  bool json = false;
  // Adds --socket (also from POSTERN_SOCKET) and --json.
  void add_to(CLI::App& command);
};

// Prints "postern: …" to standard error and returns `code`.
int complain(std::string_view what, ExitCode code);

// Asks one question. Returns kOk with the reply filled, or the exit code after complaining.
class ControlConnection {
 public:
  // Complaints go to standard error, or into `trouble`, which must outlive it.
  explicit ControlConnection(std::string socket, std::string* trouble = nullptr)
      : socket_(std::move(socket)), trouble_(trouble) {}

  // `method` is one of a service's Stub: &Operator::Stub::Status.
  template <typename Stub, typename Request, typename Reply>
  ExitCode ask(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
               const Request& request, Reply* reply,
               std::chrono::milliseconds patience = std::chrono::seconds(30)) {
    return converse<Stub>(
        [&](Stub& stub, grpc::ClientContext& context) {
          return (stub.*method)(&context, request, reply);
        },
        patience);
  }
  // The same of what is more than one question: `talk(stub, context)` returns how it ended.
  template <typename Stub = channel::v1::Operator::Stub, typename Talk>
  ExitCode converse(Talk talk, std::chrono::milliseconds patience) {
    if (const ExitCode code = dial(); code != kOk) return code;
    Stub stub(channel_);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + patience);
    return judge(talk(stub, context));
  }

 private:
  ExitCode dial();
  ExitCode judge(const grpc::Status& status) const;
  ExitCode tell(std::string what, ExitCode code) const;

  std::string socket_;
  std::string* trouble_;
  std::shared_ptr<grpc::Channel> channel_;
};

// Who runs this command: the user behind sudo, or the user itself.
std::string user_name();

// For CLI::Option::check(): an address or prefix; an address alone; a duration.
extern const CLI::Validator kPrefix;
extern const CLI::Validator kAddress;
extern const CLI::Validator kDuration;

// Parses and runs. Prints what CLI11 has to say and returns kUsage when the command line is wrong.
int run_command_line(CLI::App& app, int argc, const char* const* argv, const int& exit_code);

}  // namespace postern::cli
