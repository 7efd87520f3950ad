#include "control/probe/smtp_dialogue.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace postern::probe {
namespace {

constexpr size_t kMostOctets = 256 * 1024;  // of one connection, all replies together

using Kind = Failure::Kind;

Failure failure(Kind kind, std::string text) { return {kind, std::move(text)}; }

Failure failure_of(int error) {
  if (error == ECONNREFUSED) return failure(Kind::kRefused, "nobody listens there");
  return failure(Kind::kUnreachable, fmt::format("it cannot be reached: {}", strerror(error)));
}

struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress socket_address(const IpAddress& address, uint16_t port) {
  SocketAddress out;
  if (address.is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out.storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.v4_bytes(), 4);
    out.length = sizeof v4;
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(out.storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, address.bytes().data(), 16);
    out.length = sizeof v6;
  }
  return out;
}

// Whether the socket was ready before the deadline.
bool wait_for(int socket, short events, Clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd entry{socket, events, 0};
    const int ready = poll(&entry, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) return true;  // what is wrong, the next call says
  }
}

}  // namespace

std::expected<SmtpDialogue, Failure> SmtpDialogue::connect(const Peer& peer,
                                                           Clock::time_point deadline) {
  const SocketAddress to = socket_address(peer.address, peer.port);
  const int socket =
      ::socket(to.get()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (socket < 0) return std::unexpected(failure_of(errno));
  SmtpDialogue out(socket);
  if (peer.source && peer.source->is_v4() == peer.address.is_v4()) {
    const SocketAddress from = socket_address(*peer.source, 0);
    if (bind(socket, from.get(), from.length) != 0) {
      return std::unexpected(
          failure(Kind::kUnreachable, fmt::format("probe.source_address: {} cannot be used: {}",
                                                  peer.source->to_string(), strerror(errno))));
    }
  }
  if (::connect(socket, to.get(), to.length) != 0) {
    if (errno != EINPROGRESS) return std::unexpected(failure_of(errno));
    if (!wait_for(socket, POLLOUT, deadline))
      return std::unexpected(failure(Kind::kTimeout, "nobody answers there"));
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return std::unexpected(failure_of(error));
  }
  return out;
}

SmtpDialogue::SmtpDialogue(SmtpDialogue&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      octets_read_(other.octets_read_),
      replies_(std::move(other.replies_)) {}

SmtpDialogue::~SmtpDialogue() {
  if (socket_ >= 0) close(socket_);
}

std::expected<Reply, Failure> SmtpDialogue::read(Clock::time_point deadline) {
  std::array<char, 4096> octets;
  while (true) {
    if (auto reply = replies_.next()) return std::move(*reply);
    if (!replies_.fault().empty()) {
      return std::unexpected(
          failure(Kind::kFault, fmt::format("the server sent {}", replies_.fault())));
    }
    if (!wait_for(socket_, POLLIN, deadline))
      return std::unexpected(failure(Kind::kTimeout, "the server did not answer in time"));
    const ssize_t got = recv(socket_, octets.data(), octets.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got <= 0)
      return std::unexpected(failure(Kind::kClosed, "the server closed the connection"));
    octets_read_ += static_cast<size_t>(got);
    if (octets_read_ > kMostOctets)
      return std::unexpected(failure(Kind::kFault, "the server sent too much"));
    replies_.add({octets.data(), static_cast<size_t>(got)});
  }
}

std::expected<Reply, Failure> SmtpDialogue::ask(std::string_view command,
                                                Clock::time_point deadline) {
  // What came unasked answers nothing that is asked from now on.
  while (replies_.next()) continue;
  const std::string line = fmt::format("{}\r\n", command);
  for (size_t sent = 0; sent < line.size();) {
    const ssize_t n = send(socket_, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (n >= 0) {
      sent += static_cast<size_t>(n);
    } else if (errno == EAGAIN) {
      if (!wait_for(socket_, POLLOUT, deadline))
        return std::unexpected(failure(Kind::kTimeout, "the server reads nothing"));
    } else if (errno != EINTR) {
      return std::unexpected(failure(Kind::kClosed, "the server closed the connection"));
    }
  }
  return read(deadline);
}

}  // namespace postern::probe
