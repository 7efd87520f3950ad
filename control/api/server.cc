#include "control/api/server.h"

#include <fmt/format.h>
#include <httplib.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <thread>

#include "control/api/access.h"
#include "control/api/live.h"
#include "control/api/routes.h"
#include "control/console/assets.h"
#include "control/server/clock.h"

namespace postern::api {
namespace {

using nlohmann::ordered_json;
using server::unix_s;

constexpr size_t kThreads = 8;  // beside one for each live listener
constexpr size_t kWaitingConnections = 64;
constexpr size_t kLargestBody = 256 << 10;
constexpr size_t kLongestPath = 1024;
constexpr size_t kMostSessions = 1000;
constexpr uint64_t kMinute_s = 60;
constexpr std::string_view kCookie = "postern_session";
constexpr std::string_view kChangeHeader = "X-Postern";
constexpr std::chrono::seconds kHeartbeat{15};

// Threads for connections. When all are busy and enough wait, accepting waits too: what comes then
// waits in the kernel's bounded queue.
class BoundedPool final : public httplib::TaskQueue {
 public:
  explicit BoundedPool(size_t threads) {
    for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
  }
  void enqueue(std::function<void()> work) override {
    std::unique_lock guard(lock_);
    room_.wait(guard, [this] { return waiting_.size() < kWaitingConnections; });
    waiting_.push_back(std::move(work));
    work_.notify_one();
  }
  // What waits is done first.
  void shutdown() override {
    {
      const std::lock_guard guard(lock_);
      ended_ = true;
    }
    work_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void run() {
    std::unique_lock guard(lock_);
    while (true) {
      work_.wait(guard, [this] { return ended_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      const auto work = std::move(waiting_.front());
      waiting_.pop_front();
      room_.notify_one();
      guard.unlock();
      work();
      guard.lock();
    }
  }

  std::mutex lock_;
  std::condition_variable work_, room_;
  std::deque<std::function<void()>> waiting_;
  bool ended_ = false;
  std::vector<std::thread> threads_;
};

void put(httplib::Response& response, const Answer& answer) {
  response.status = answer.status;
  response.set_content(answer.body.dump(-1, ' ', false, ordered_json::error_handler_t::replace),
                       answer.status >= 400 ? "application/problem+json" : "application/json");
}

const console::Asset* asset_at(std::string_view path) {
  if (path.starts_with("/c/")) path = "/case.html";
  if (path == "/") path = "/index.html";
  const auto found = std::ranges::find(console::assets(), path, &console::Asset::path);
  return found == console::assets().end() ? nullptr : &*found;
}

}  // namespace

struct Server::Parts {
  Parts(ledger::Ledger& ledger, const std::shared_ptr<grpc::Channel>& channel, Settings read)
      : settings(std::move(read)),
        desks(ledger, channel),
        live(desks, settings.live_listeners),
        sessions(static_cast<uint64_t>(settings.session.count()), kMostSessions) {
    if (settings.certificate.empty()) {
      http = std::make_unique<httplib::Server>();
    } else {
      http =
          std::make_unique<httplib::SSLServer>(settings.certificate.c_str(), settings.key.c_str());
    }
  }
  ~Parts() {
    live.end();
    if (serving.joinable()) {
      http->stop();
      serving.join();
    }
  }

  struct Comer {
    ledger::ApiToken token = {};
    bool by_session = false;
  };
  using Refused = Answer;

  void set_up();
  std::string start();
  bool without_body(const httplib::Request& request, httplib::Response& response);
  void serve(const httplib::Request& request, httplib::Response& response);
  void serve_asset(const httplib::Request& request, httplib::Response& response);
  std::expected<ledger::ApiToken, Refused> good_token(const ledger::TokenHash& hash,
                                                      uint64_t now_unix_s);
  std::expected<Comer, Refused> who(const httplib::Request& request, uint64_t now_unix_s);
  std::optional<Refused> objection(const Route& route, const httplib::Request& request,
                                   Comer* comer, uint64_t now_unix_s);
  void log_in(const httplib::Request& request, httplib::Response& response, uint64_t now_unix_s);
  void log_out(const httplib::Request& request, httplib::Response& response);
  void tell_live(const Comer& comer, httplib::Response& response);
  std::string cookie(std::string_view value, int64_t seconds) const;
  bool tls() const { return !settings.certificate.empty(); }

  const Settings settings;
  Desks desks;
  Live live;
  Sessions sessions;
  RateLimit failures{10, kMinute_s};
  RateLimit by_link{30, kMinute_s};
  std::unique_ptr<httplib::Server> http;
  int port = 0;
  std::thread serving;
};

std::expected<ledger::ApiToken, Answer> Server::Parts::good_token(const ledger::TokenHash& hash,
                                                                  uint64_t now_unix_s) {
  const auto found = desks.ledger.tokens().find(hash);
  if (!found) return std::unexpected(problem(500, found.error()));
  if (!*found || !(*found)->good_at(now_unix_s)) {
    return std::unexpected(
        problem(401, "this token is not good, or not any more: postern api token add makes one"));
  }
  // To the minute: looking on must not mean writing all the time.
  if (now_unix_s - (*found)->used_unix_s >= kMinute_s) {
    if (const auto noted = desks.ledger.tokens().note_use(hash, now_unix_s); !noted)
      spdlog::error("the last use of a token: {}", noted.error());
  }
  return **found;
}

std::expected<Server::Parts::Comer, Answer> Server::Parts::who(const httplib::Request& request,
                                                               uint64_t now_unix_s) {
  const std::string authorization = request.get_header_value("Authorization");
  if (!authorization.empty()) {
    if (failures.exhausted(request.remote_addr, now_unix_s))
      return std::unexpected(problem(429, "too many tokens that were not good: wait a minute"));
    const auto token = good_token(ledger::hash_of(bearer_token(authorization)), now_unix_s);
    if (!token) {
      failures.count(request.remote_addr, now_unix_s);
      return std::unexpected(token.error());
    }
    return Comer{*token, false};
  }
  const std::string cookies = request.get_header_value("Cookie");
  const std::string_view session = cookie_value(cookies, kCookie);
  const auto hash = session.empty() ? std::nullopt : sessions.use(session, now_unix_s);
  if (!hash) {
    return std::unexpected(
        problem(401, "log in, or send a token: Authorization: Bearer postern_…"));
  }
  const auto token = good_token(*hash, now_unix_s);
  if (!token) {
    sessions.close(session);
    return std::unexpected(token.error());
  }
  return Comer{*token, true};
}

std::optional<Answer> Server::Parts::objection(const Route& route, const httplib::Request& request,
                                               Comer* comer, uint64_t now_unix_s) {
  if (route.path.starts_with("/linked/") && !by_link.take(request.remote_addr, now_unix_s))
    return problem(429, "too often: wait a minute");
  if (route.access == Access::kAnyone) {
    if (route.changes() && !request.has_header(std::string(kChangeHeader)))
      return problem(403, "a change from a page carries the header X-Postern");
    return std::nullopt;
  }
  auto found = who(request, now_unix_s);
  if (!found) return found.error();
  *comer = std::move(*found);
  if (!may(comer->token.role, route.access)) {
    return problem(
        403, fmt::format("the token {} has the role {}, which may not do this", comer->token.name,
                         ledger::kRoleNames[static_cast<size_t>(comer->token.role)]));
  }
  if (comer->by_session && route.changes() && !request.has_header(std::string(kChangeHeader)))
    return problem(403, "a change in a session carries the header X-Postern");
  return std::nullopt;
}

std::string Server::Parts::cookie(std::string_view value, int64_t seconds) const {
  return fmt::format("{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{}", kCookie, value,
                     seconds, tls() ? "; Secure" : "");
}

void Server::Parts::log_in(const httplib::Request& request, httplib::Response& response,
                           uint64_t now_unix_s) {
  if (failures.exhausted(request.remote_addr, now_unix_s))
    return put(response, problem(429, "too many tokens that were not good: wait a minute"));
  const auto text = read_login(request.body);
  if (!text) return put(response, problem(400, text.error()));
  const ledger::TokenHash hash = ledger::hash_of(*text);
  const auto token = good_token(hash, now_unix_s);
  if (!token) {
    failures.count(request.remote_addr, now_unix_s);
    spdlog::warn("API: a login from {} with a token that is not good", request.remote_addr);
    return put(response, token.error());
  }
  if (const auto recorded =
          desks.ledger.audit().record({now_unix_s, token->name, "login", token->name,
                                       fmt::format("from {}", request.remote_addr)});
      !recorded)
    return put(response, problem(500, recorded.error()));
  response.set_header("Set-Cookie",
                      cookie(sessions.open(hash, now_unix_s), settings.session.count()));
  put(response,
      {200,
       {{"name", token->name}, {"role", ledger::kRoleNames[static_cast<size_t>(token->role)]}}});
}

void Server::Parts::log_out(const httplib::Request& request, httplib::Response& response) {
  const std::string cookies = request.get_header_value("Cookie");
  sessions.close(cookie_value(cookies, kCookie));
  response.set_header("Set-Cookie", cookie("", 0));
  put(response, {200, ordered_json::object()});
}

void Server::Parts::tell_live(const Comer& comer, httplib::Response& response) {
  auto listener = live.listen();
  if (listener == nullptr) {
    return put(response,
               problem(503, "as many consoles listen as may (api.live_listeners): close one"));
  }
  response.set_chunked_content_provider(
      "text/event-stream",
      [this, listener, hash = comer.token.hash, checked = unix_s()](
          size_t, httplib::DataSink& sink) mutable {
        const auto text = listener->next(kHeartbeat);
        // Whose token was revoked meanwhile hears no more.
        if (const uint64_t now = unix_s(); now - checked >= 15) {
          checked = now;
          if (!good_token(hash, now)) return false;
        }
        if (!text) {
          sink.done();
          return true;
        }
        return sink.write(text->data(), text->size());
      },
      [this, listener](bool) { live.leave(listener); });
}

void Server::Parts::serve_asset(const httplib::Request& request, httplib::Response& response) {
  const console::Asset* asset = asset_at(request.path);
  if (asset == nullptr || (request.method != "GET" && request.method != "HEAD"))
    return put(response, problem(404, "there is no such page"));
  response.set_header("Cache-Control", "no-cache");
  response.set_content(asset->body.data(), asset->body.size(), std::string(asset->content_type));
}

void Server::Parts::serve(const httplib::Request& request, httplib::Response& response) {
  if (!request.path.starts_with(kBase)) return serve_asset(request, response);
  const uint64_t now = unix_s();
  Found found = find_route(request.method == "HEAD" ? "GET" : request.method, request.path);
  if (found.route == nullptr) {
    return put(response, found.other_method ? problem(405, "this is not what can be done with it")
                                            : problem(404, "there is nothing of this name"));
  }
  const Route& route = *found.route;
  Comer comer;
  if (const auto refused = objection(route, request, &comer, now)) return put(response, *refused);
  if (route.operation == "login") return log_in(request, response, now);
  if (route.operation == "logout") return log_out(request, response);
  if (route.operation == "live") return tell_live(comer, response);
  if (route.operation == "describe") return serve_asset(request, response);
  if (route.operation == "showSession") {
    return put(response, {200,
                          {{"name", comer.token.name},
                           {"role", ledger::kRoleNames[static_cast<size_t>(comer.token.role)]}}});
  }
  Call call{.desks = desks,
            .names = std::move(found.names),
            .body = request.body,
            .author = comer.token.name,
            .now_unix_s = now};
  for (const auto& [name, value] : request.params) {
    if (!call.parameters.emplace(name, value).second)
      return put(response, problem(400, "a parameter stands there twice"));
  }
  put(response, answer(route, call));
}

// True: it is answered, before any of its body was read.
bool Server::Parts::without_body(const httplib::Request& request, httplib::Response& response) {
  if (request.path.size() > kLongestPath) {
    put(response, problem(414, "this address is too long"));
    return true;
  }
  const bool has_body =
      request.has_header("Content-Length") && request.get_header_value("Content-Length") != "0";
  // Compressed and chunked bodies could be of any size, and none is needed.
  if (request.has_header("Content-Encoding") || request.has_header("Transfer-Encoding")) {
    put(response, problem(411, "send the body as it is, with its Content-Length"));
    return true;
  }
  if (has_body && !request.get_header_value("Content-Type").starts_with("application/json")) {
    put(response, problem(415, "a body is JSON: Content-Type: application/json"));
    return true;
  }
  if (has_body) return false;
  serve(request, response);
  return true;
}

void Server::Parts::set_up() {
  using Handled = httplib::Server::HandlerResponse;
  http->new_task_queue = [this] { return new BoundedPool(kThreads + settings.live_listeners); };
  // One request on each connection: what was not read of one is never taken for the next.
  http->set_keep_alive_max_count(1);
  http->set_payload_max_length(kLargestBody);
  http->set_read_timeout(5);
  http->set_write_timeout(5);
  http->set_tcp_nodelay(true);
  http->set_socket_options([](int socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  http->set_default_headers(
      {{"Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"},
       {"X-Content-Type-Options", "nosniff"},
       {"Referrer-Policy", "no-referrer"},
       {"X-Frame-Options", "DENY"},
       {"Cross-Origin-Opener-Policy", "same-origin"},
       {"Cross-Origin-Resource-Policy", "same-origin"}});
  http->set_pre_routing_handler(
      [this](const httplib::Request& request, httplib::Response& response) {
        if (!without_body(request, response)) return Handled::Unhandled;
        if (!response.has_header("Cache-Control")) response.set_header("Cache-Control", "no-store");
        return Handled::Handled;
      });
  const auto with_body = [this](const httplib::Request& request, httplib::Response& response) {
    serve(request, response);
    response.set_header("Cache-Control", "no-store");
  };
  http->Post(".*", with_body);
  http->Put(".*", with_body);
  http->Delete(".*", with_body);
  http->Patch(".*", with_body);
  http->set_error_handler(
      httplib::Server::Handler([](const httplib::Request&, httplib::Response& response) {
        if (response.body.empty())
          put(response, problem(response.status, "the request is not good"));
      }));
  http->set_exception_handler(
      [](const httplib::Request&, httplib::Response& response, std::exception_ptr thrown) {
        try {
          std::rethrow_exception(thrown);
        } catch (const std::exception& error) {
          spdlog::error("API: {}", error.what());
        } catch (...) {
          spdlog::error("API: an unknown exception");
        }
        put(response, problem(500, "it failed here; the log says how"));
      });
}

// Empty: it serves.
std::string Server::Parts::start() {
  if (!http->is_valid()) {
    return fmt::format("api.certificate {} and api.key {} are no pair that can be read",
                       settings.certificate.string(), settings.key.string());
  }
  set_up();
  if (settings.port == 0) {
    port = http->bind_to_any_port(settings.address);
  } else if (http->bind_to_port(settings.address, settings.port)) {
    port = settings.port;
  }
  if (port <= 0) {
    return fmt::format("cannot listen on {} port {}: choose another in api.listen",
                       settings.address, settings.port);
  }
  serving = std::thread([this] { http->listen_after_bind(); });
  // It cannot be stopped before it runs.
  while (!http->is_running()) std::this_thread::yield();
  return "";
}

std::expected<std::unique_ptr<Server>, std::string> Server::start(
    ledger::Ledger& ledger, std::shared_ptr<grpc::Channel> desk, Settings settings) {
  auto parts = std::make_unique<Parts>(ledger, desk, std::move(settings));
  if (std::string obstacle = parts->start(); !obstacle.empty()) return std::unexpected(obstacle);
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Server::~Server() = default;

uint16_t Server::port() const { return static_cast<uint16_t>(parts_->port); }

}  // namespace postern::api
