// A mail server in the test's process, on a loopback port that the system chooses: its greeting,
// and a script that answers each command.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "control/probe/smtp_dialogue.h"

namespace postern::probe {

class FakeServer {
 public:
  // A command without its end in, what to send out: with line ends. Empty: it closes.
  using Script = std::function<std::string(const std::string& command)>;

  // An empty greeting: it takes connections and says nothing.
  FakeServer(std::string greeting, Script script)
      : greeting_(std::move(greeting)), script_(std::move(script)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    bind(listener_, reinterpret_cast<sockaddr*>(&address), length);
    listen(listener_, 8);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeServer() {
    stop();
    close(listener_);
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  Peer peer() const { return {.address = *IpAddress::parse("127.0.0.1"), .port = port_}; }
  uint16_t port() const { return port_; }
  // No connection any more. What it was told is complete then.
  void stop() {
    if (!thread_.joinable()) return;
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
  }
  const std::vector<std::string>& commands() const { return commands_; }
  int connections() const { return connections_; }

 private:
  void serve() {
    while (true) {
      const int connection = accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      ++connections_;
      say(connection, greeting_);
      converse(connection);
      close(connection);
    }
  }
  void converse(int connection) {
    std::string unread;
    char octets[1024];
    while (true) {
      const size_t end = unread.find("\r\n");
      if (end == unread.npos) {
        const ssize_t got = recv(connection, octets, sizeof octets, 0);
        if (got <= 0) return;
        unread.append(octets, static_cast<size_t>(got));
        continue;
      }
      commands_.push_back(unread.substr(0, end));
      unread.erase(0, end + 2);
      const std::string answer = script_(commands_.back());
      if (answer.empty() || !say(connection, answer)) return;
    }
  }
  static bool say(int connection, std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = send(connection, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  const std::string greeting_;
  const Script script_;
  int listener_ = -1;
  uint16_t port_ = 0;
  int connections_ = 0;
  std::vector<std::string> commands_;
  std::thread thread_;
};

// A server that answers MAIL and RCPT as given; all else as a server does.
inline FakeServer::Script answering(std::string to_mail,
                                    std::function<std::string(const std::string&)> to_rcpt) {
  return [to_mail = std::move(to_mail), to_rcpt = std::move(to_rcpt)](const std::string& line) {
    if (line.starts_with("EHLO"))
      return std::string("250-mail.example.com\r\n250-PIPELINING\r\n250 StartTLS\r\n");
    if (line.starts_with("MAIL")) return to_mail;
    if (line.starts_with("RCPT")) return to_rcpt(line);
    if (line.starts_with("QUIT")) return std::string("221 2.0.0 bye\r\n");
    return std::string("250 2.0.0 ok\r\n");
  };
}
inline FakeServer::Script answering(std::string to_rcpt) {
  return answering("250 2.1.0 ok\r\n",
                   [to_rcpt = std::move(to_rcpt)](const std::string&) { return to_rcpt; });
}

inline constexpr std::string_view kGreeting = "220 mail.example.com ESMTP\r\n";
inline constexpr std::string_view kNoRelay = "554 5.7.1 Relay access denied\r\n";

}  // namespace postern::probe
