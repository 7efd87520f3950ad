// The web server: the REST interface under /api/v1, the console, and the case page that customers
// get a link to.
//
// Theory of operation. cpp-httplib takes requests in, one on each connection and each on a thread
// of a bounded pool; a body is read only when it is JSON of a declared length within the bound. Who
// asks is a token (Authorization: Bearer, for programs) or a session (a cookie, for the console); a
// change in a session must carry the header X-Postern, which no other site's page can send. What is
// answered comes from the table of routes. Every page has a content security policy that lets no
// script run but the console's own files.
#pragma once

#include <grpcpp/channel.h>

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "control/api/settings.h"
#include "control/ledger/ledger.h"

namespace postern::api {

class Server {
 public:
  // Serves from when it returns. `desk` leads to the Operator and the CaseDesk of this process; it
  // and the ledger must outlive the server. The error says what to do.
  static std::expected<std::unique_ptr<Server>, std::string> start(
      ledger::Ledger& ledger, std::shared_ptr<grpc::Channel> desk, Settings settings);
  // Ends live streams, and waits for the answers under way.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t port() const;

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace postern::api
