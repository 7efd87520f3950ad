#include "control/server/server.h"

#include <fmt/format.h>
#include <grpcpp/server_builder.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <optional>
#include <utility>

#include "base/instance_lock.h"
#include "control/diagnosis/diagnosis.h"
#include "control/notify/notifier.h"
#include "control/policy/engine.h"
#include "control/server/clock.h"
#include "control/server/guard_desk.h"
#include "control/server/notify_desk.h"
#include "control/server/probe_desk.h"
#include "control/server/remote_gates.h"
#include "control/server/token_desk.h"
#include "control/server/upkeep.h"
#include "control/server/verdict_changes.h"
#include "control/server/verdict_channel.h"

namespace postern::server {

namespace fs = std::filesystem;

// Made in this order, ended in the other.
struct Server::Parts {
  Parts(InstanceLock taken, ledger::Ledger& ledger, std::unique_ptr<SignatureStore> sets,
        const cases::CaseLinks& links, const ServerOptions& options)
      : lock(std::move(taken)),
        ledger(ledger),
        signatures(std::move(sets)),
        gates(ledger.version().epoch),
        upkeep(ledger, gates, options.retention),
        changes(ledger, gates, [this] { upkeep.verdicts_changed(); }),
        restoration(ledger, apply(), told(), options.restoration),
        feeds(ledger, gates, changes),
        operator_desk(ledger, gates, changes, *signatures, feeds, options.identity),
        case_desk(ledger, gates, restoration, links, options.case_page),
        prober(ledger, options.probe,
               [this](CaseReference about, bool open, const std::string& text, uint64_t now) {
                 auto noted = restoration.note_probe(about, open, text, now);
                 if (noted) diagnose(about, now);
                 return noted;
               }),
        guards(ledger, gates, changes),
        tokens(ledger),
        verdict_channel(
            ledger, gates, *signatures,
            [this](const channel::v1::EventBatch& batch) { observe(batch, unix_s()); },
            options.feed),
        remote_channel(
            ledger, gates, *signatures,
            [this](const channel::v1::EventBatch& batch) { observe(batch, unix_s()); },
            options.feed, options.remote) {
    if (options.notices) {
      notifier.emplace(ledger, *options.notices,
                       [this](CaseReference about) { return case_desk.link_to(about); });
      notify_desk.emplace(*notifier);
    }
    if (options.policy.enabled) policy.emplace(ledger, apply(), told(), options.policy, unix_s());
    upkeep.start([this](uint64_t now_unix_s) { look(now_unix_s); });
  }
  ~Parts() {
    // Nothing that its round looks at is gone before it; the threads of the policy and of the
    // notices end before what they use.
    upkeep.stop();
    policy.reset();
    notifier.reset();
  }

  // Empty: they are served.
  std::string serve_remote_gates(const RemoteSettings& settings);

  policy::Apply apply() {
    return [this](std::span<const ledger::Change> what) { return changes.apply(what); };
  }
  policy::Told told() {
    return [this](CaseReference about, const std::string& what) { changed(about, what); };
  }
  // Events were stored. Any thread.
  void observe(const channel::v1::EventBatch& batch, uint64_t now_unix_s) {
    restoration.observe(batch, now_unix_s);
    if (policy) policy->observe(batch, now_unix_s);
  }
  // What its evidence says now goes into the case.
  void diagnose(CaseReference reference, uint64_t now_unix_s) {
    const auto about = ledger.cases().find(reference);
    if (!about || !*about) return;
    const auto found = diagnosis::diagnose(ledger, **about, now_unix_s);
    const auto noted = !found ? std::unexpected(found.error())
                              : restoration.note_diagnosis(reference, diagnosis::to_json(*found),
                                                           diagnosis::summary(*found), now_unix_s);
    if (!noted) spdlog::error("case {}: no diagnosis: {}", reference.to_string(), noted.error());
  }
  // Something became of a case. Any thread, which may hold the case: only what the policy did,
  // which holds nothing, has its evidence looked through.
  void changed(CaseReference about, const std::string& what) {
    if (policy && (what == "restored" || what == "closed")) policy->forgive(about);
    if (what == "opened" || what == "escalated" || what == "widened") diagnose(about, unix_s());
    if (notifier) notifier->tell(about, what);
  }
  // Once a minute at least.
  void look(uint64_t now_unix_s) {
    if (const auto looked = restoration.look(now_unix_s); !looked)
      spdlog::error("cases on probation: {}", looked.error());
    if (policy) policy->look(now_unix_s);
    if (notifier) notifier->look(now_unix_s);
  }

  InstanceLock lock;
  ledger::Ledger& ledger;
  std::unique_ptr<SignatureStore> signatures;
  Gates gates;
  Upkeep upkeep;
  VerdictChanges changes;
  cases::Restoration restoration;
  std::optional<notify::Notifier> notifier;  // nothing: nobody is told
  std::optional<policy::Engine> policy;      // nothing: it is not enabled
  FeedImports feeds;
  Operator operator_desk;
  CaseDesk case_desk;
  std::optional<NotifyDesk> notify_desk;
  ProbeDesk prober;
  GuardDesk guards;
  TokenDesk tokens;
  VerdictChannel verdict_channel;
  VerdictChannel remote_channel;
  std::unique_ptr<grpc::Server> server;
  std::shared_ptr<grpc::ServerCredentials> remote_credentials;
  std::unique_ptr<grpc::Server> remote_server;  // null: remote.listen is empty
  int remote_port = 0;
};

namespace {

// Empty: the way is free.
std::string clear_the_way(const fs::path& socket) {
  if (socket.string().size() >= sizeof(sockaddr_un::sun_path)) {
    return fmt::format(
        "the socket path {} is longer than the {} characters that Unix allows: choose a shorter "
        "one in "
        "control.socket",
        socket.string(), sizeof(sockaddr_un::sun_path) - 1);
  }
  std::error_code error;
  const fs::file_status there = fs::symlink_status(socket, error);
  if (!fs::exists(there)) return "";
  if (!fs::is_socket(there)) {
    return fmt::format(
        "{} exists and is no socket: remove it, or choose another path in control.socket",
        socket.string());
  }
  // We hold the lock, so whoever made it is gone.
  if (!fs::remove(socket, error))
    return fmt::format("cannot remove the stale socket {}: {}", socket.string(), error.message());
  return "";
}

// A batch of events fits, and a data plane that is stopped or hangs, or whose machine is gone, is
// noticed; it may look after us as often as it likes.
void limit(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(64 << 20);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
}

}  // namespace

std::expected<std::unique_ptr<Server>, std::string> Server::start(ledger::Ledger& ledger,
                                                                  ServerOptions options) {
  const std::string path = options.socket.string();
  auto lock = InstanceLock::take(options.socket);
  if (!lock) return std::unexpected(lock.error());
  if (std::string obstacle = clear_the_way(options.socket); !obstacle.empty())
    return std::unexpected(obstacle);

  auto signatures = SignatureStore::open(fs::path(ledger.location()).parent_path() / "signatures");
  if (!signatures) return std::unexpected(signatures.error());

  const auto links = cases::CaseLinks::open(ledger.location() + ".case-key");
  if (!links) return std::unexpected(links.error());

  auto parts =
      std::make_unique<Parts>(std::move(*lock), ledger, std::move(*signatures), *links, options);
  grpc::ServerBuilder builder;
  int bound = 0;
  builder.AddListeningPort("unix:" + path, grpc::InsecureServerCredentials(), &bound);
  builder.RegisterService(&parts->verdict_channel);
  builder.RegisterService(&parts->operator_desk);
  builder.RegisterService(&parts->case_desk);
  builder.RegisterService(&parts->prober);
  builder.RegisterService(&parts->guards);
  builder.RegisterService(&parts->tokens);
  if (parts->notify_desk) builder.RegisterService(&*parts->notify_desk);
  limit(builder);
  // Owner and group from the first moment: the process's other threads make no files now.
  const mode_t mask = umask(0117);
  parts->server = builder.BuildAndStart();
  umask(mask);
  if (parts->server == nullptr || bound == 0) {
    return std::unexpected(
        fmt::format("cannot listen on {}: its directory must exist and be writable", path));
  }
  if (!options.remote.listen.empty()) {
    log_failed_handshakes();
    if (auto obstacle = parts->serve_remote_gates(options.remote); !obstacle.empty()) {
      parts->server->Shutdown(std::chrono::system_clock::now());
      return std::unexpected(std::move(obstacle));
    }
  }
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

// The verdict channel and nothing else.
std::string Server::Parts::serve_remote_gates(const RemoteSettings& settings) {
  auto credentials = server::remote_credentials(settings.files);
  if (!credentials) return credentials.error();
  remote_credentials = std::move(*credentials);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(settings.listen, remote_credentials, &remote_port);
  builder.RegisterService(&remote_channel);
  limit(builder);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a port that is taken is an error
  remote_server = builder.BuildAndStart();
  if (remote_server == nullptr || remote_port == 0) {
    return fmt::format(
        "remote.listen: cannot listen on {}: the address must be one of this machine's, and the "
        "port free",
        settings.listen);
  }
  return "";
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

uint16_t Server::remote_port() const { return static_cast<uint16_t>(parts_->remote_port); }

std::shared_ptr<grpc::Channel> Server::channel() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);  // a list may be long
  return parts_->server->InProcessChannel(arguments);
}

Server::~Server() {
  const auto patience = std::chrono::system_clock::now() + std::chrono::milliseconds(500);
  if (parts_->remote_server) parts_->remote_server->Shutdown(patience);
  parts_->server->Shutdown(patience);
}

}  // namespace postern::server
