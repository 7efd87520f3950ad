#include "control/cli/control_connection.h"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/duration.h"
#include "base/ip.h"

namespace postern::cli {
namespace {

// Knocks at the socket: gRPC itself would not say why it cannot be reached. 0, or an errno.
int knock(const std::string& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  socket_path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int knocking = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (knocking < 0) return errno;
  const int code =
      connect(knocking, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0
                                                                                          : errno;
  close(knocking);
  return code;
}

}  // namespace

void ControlOptions::add_to(CLI::App& command) {
  command.add_option("--socket", socket, "Socket of the control process")
      ->envname("POSTERN_SOCKET")
      ->type_name("PATH")
      ->capture_default_str();
  command.add_flag("--json", json, "Print JSON instead of tables");
}

int complain(std::string_view what, ExitCode code) {
  fmt::print(stderr, "postern: {}\n", what);
  return code;
}

ExitCode ControlConnection::tell(std::string what, ExitCode code) const {
  if (trouble_ == nullptr) {
    complain(what, code);
  } else {
    *trouble_ = std::move(what);
  }
  return code;
}

ExitCode ControlConnection::dial() {
  if (channel_ != nullptr) return kOk;
  const int code = knock(socket_);
  if (code == EACCES || code == EPERM) {
    return tell(fmt::format("may not use the control process's socket {}: run this as root or as a "
                            "member of the socket's group",
                            socket_),
                kUnreachable);
  }
  if (code != 0) {
    return tell(fmt::format("no control process answers at {} ({}): is postern-control running? "
                            "Another socket is named with "
                            "--socket PATH or POSTERN_SOCKET",
                            socket_, std::strerror(code)),
                kUnreachable);
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);  // a list may be long
  channel_ =
      grpc::CreateCustomChannel("unix:" + socket_, grpc::InsecureChannelCredentials(), arguments);
  return kOk;
}

ExitCode ControlConnection::judge(const grpc::Status& status) const {
  ExitCode code = kOk;
  switch (status.error_code()) {
    case grpc::StatusCode::OK:
      return kOk;
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::FAILED_PRECONDITION:
      code = kNegative;
      break;
    case grpc::StatusCode::INVALID_ARGUMENT:
      code = kUsage;
      break;
    case grpc::StatusCode::UNIMPLEMENTED:
      return tell(
          "the control process is of another version and does not know this command: install the "
          "same version of both",
          kUnreachable);
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return tell(fmt::format("the control process at {} does not answer ({}): look at its log",
                              socket_, status.error_message()),
                  kUnreachable);
    default:
      code = kUnreachable;
  }
  return tell(status.error_message(), code);
}

std::string user_name() {
  if (const char* behind_sudo = std::getenv("SUDO_USER");
      behind_sudo != nullptr && *behind_sudo != '\0') {
    return behind_sudo;
  }
  const passwd* user = getpwuid(getuid());
  return user != nullptr ? user->pw_name : fmt::format("uid {}", getuid());
}

const CLI::Validator kPrefix(
    [](std::string& text) {
      const auto prefix = IpPrefix::parse(text);
      return prefix ? std::string() : prefix.error();
    },
    "");
const CLI::Validator kAddress(
    [](std::string& text) {
      const auto address = IpAddress::parse(text);
      return address ? std::string() : address.error();
    },
    "");

const CLI::Validator kDuration(
    [](std::string& text) {
      const auto duration = parse_duration(text);
      return duration ? std::string() : duration.error();
    },
    "");

int run_command_line(CLI::App& app, int argc, const char* const* argv, const int& exit_code) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  return exit_code;
}

}  // namespace postern::cli
