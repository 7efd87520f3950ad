// One connection to a mail server, as its client: a command, a reply, and a time by which all of it
// is over.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "control/probe/smtp_reply.h"

namespace postern::probe {

using Clock = std::chrono::steady_clock;

struct Peer {
  IpAddress address = {};
  uint16_t port = 25;
  std::optional<IpAddress> source = {};  // the address that the connection is made from
};

// Why a dialogue did not go on.
struct Failure {
  enum class Kind { kRefused, kUnreachable, kTimeout, kClosed, kFault } kind = Kind::kFault;
  std::string text = {};  // for people
};

// One thread at a time. The connection is closed with the object.
class SmtpDialogue {
 public:
  // The error says whether nobody listens there, nobody answers, or it cannot be reached.
  static std::expected<SmtpDialogue, Failure> connect(const Peer& peer, Clock::time_point deadline);
  ~SmtpDialogue();
  SmtpDialogue(SmtpDialogue&& other) noexcept;
  SmtpDialogue& operator=(SmtpDialogue&&) = delete;

  // The next reply: behind connect() the greeting.
  std::expected<Reply, Failure> read(Clock::time_point deadline);
  // One line without its end, which is added; and its reply. A line end in it is a mistake of the
  // program.
  std::expected<Reply, Failure> ask(std::string_view command, Clock::time_point deadline);

 private:
  explicit SmtpDialogue(int socket) : socket_(socket) {}

  int socket_;
  size_t octets_read_ = 0;
  ReplyReader replies_;
};

}  // namespace postern::probe
