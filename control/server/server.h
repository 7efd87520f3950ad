// The control process's server: the verdict channel and the desks on one Unix socket, the verdict
// channel alone on a port with mutual TLS, what watches the events that come in, and the upkeep of
// the ledger.
#pragma once

#include <grpcpp/channel.h>

#include <chrono>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "control/cases/restoration.h"
#include "control/ledger/ledger.h"
#include "control/notify/settings.h"
#include "control/policy/settings.h"
#include "control/probe/settings.h"
#include "control/server/case_desk.h"
#include "control/server/operator.h"
#include "control/server/remote_settings.h"
#include "control/server/upkeep.h"
#include "control/server/verdict_feed.h"

namespace postern::server {

struct ServerOptions {
  std::filesystem::path socket = {};
  Retention retention = {};
  Identity identity = {};
  FeedLimits feed = {};
  cases::RestorationSettings restoration = {};
  policy::Settings policy = {.enabled = false};
  std::optional<notify::Settings> notices = {};  // nothing: nobody is told
  probe::Settings probe = {};
  CasePage case_page = {};
  RemoteSettings remote = {};
};

class Server {
 public:
  // Serves from when it returns. A socket that an ended process left is replaced; that of a living
  // one is an error. `ledger` must outlive the server.
  static std::expected<std::unique_ptr<Server>, std::string> start(ledger::Ledger& ledger,
                                                                   ServerOptions options);
  // Where data planes on other machines are served; 0: nowhere.
  uint16_t remote_port() const;
  // Leads to the desks without the socket.
  std::shared_ptr<grpc::Channel> channel();
  // Ends all streams and removes the socket.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace postern::server
