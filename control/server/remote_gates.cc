#include "control/server/remote_gates.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/grpc_security_constants.h>
#include <grpc/support/log.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/plain_text.h"
#include "control/server/clock.h"

namespace postern::server {
namespace {

constexpr size_t kShown = 256;  // octets of what a peer calls itself
constexpr TlsKeyNames kKeys{
    .certificate = "remote.certificate", .key = "remote.key", .authorities = "remote.clients"};

void warn_if_expired(const TlsFiles& files, const TlsIdentity& identity) {
  if (identity.expires_unix_s >= static_cast<int64_t>(unix_s())) return;
  spdlog::error("{} (remote.certificate) has expired: gates on other machines will not come",
                files.certificate.string());
}

// gRPC's C++ interface has no credentials that are asked for anew; its C interface has. (Its
// watcher of files takes what stands in them, and a broken one's place is then empty.)
class RenewableCredentials final : public grpc::ServerCredentials {
 public:
  RenewableCredentials(const TlsFiles& files, TlsIdentity identity)
      : files_(files), identity_(std::move(identity)) {
    credentials_ = grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(
            GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY, &fetch, this));
  }
  ~RenewableCredentials() override { grpc_server_credentials_release(credentials_); }
  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>& /*none*/) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }
  // Any of gRPC's threads, before each handshake.
  static grpc_ssl_certificate_config_reload_status fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<RenewableCredentials*>(self)->read_again(config);
  }
  grpc_ssl_certificate_config_reload_status read_again(
      grpc_ssl_server_certificate_config** config) {
    const std::lock_guard lock(mutex_);
    const bool first = !std::exchange(given_, true);
    if (!first && !renew()) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pair{identity_.key.c_str(), identity_.certificate.c_str()};
    *config = grpc_ssl_server_certificate_config_create(identity_.authorities.c_str(), &pair, 1);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }
  // True: there is another identity to be shown.
  bool renew() {
    auto read = read_tls_files(files_, kKeys);
    if (!read) {
      // Once: connections come every few seconds.
      if (std::exchange(trouble_, read.error()) != read.error())
        spdlog::error("{}; the certificate that was read before is still shown", trouble_);
      return false;
    }
    trouble_.clear();
    if (read->certificate == identity_.certificate && read->key == identity_.key &&
        read->authorities == identity_.authorities)
      return false;
    identity_ = std::move(*read);
    spdlog::info("{} (remote.certificate), its key or remote.clients was renewed: in use from now",
                 files_.certificate.string());
    warn_if_expired(files_, identity_);
    return true;
  }

  const TlsFiles files_;
  grpc_server_credentials* credentials_;
  std::mutex mutex_;
  TlsIdentity identity_;
  bool given_ = false;
  std::string trouble_;  // what was logged last
};

}  // namespace

std::expected<std::shared_ptr<grpc::ServerCredentials>, std::string> remote_credentials(
    const TlsFiles& files) {
  auto identity = read_tls_files(files, kKeys);
  if (!identity) return std::unexpected(std::move(identity.error()));
  warn_if_expired(files, *identity);
  return std::make_shared<RenewableCredentials>(files, std::move(*identity));
}

void log_failed_handshakes() {
  gpr_set_log_function([](gpr_log_func_args* said) {
    const std::string what = postern::plain_text(said->message, kShown);
    if (what.contains("certificate verify failed") || what.contains("CERTIFICATE_VERIFY_FAILED")) {
      spdlog::error(
          "a data plane was turned away: its certificate is of no authority in remote.clients, or "
          "not for a gate, or has expired ({})",
          what);
    } else if (said->severity == GPR_LOG_SEVERITY_ERROR) {
      spdlog::warn("gRPC: {}", what);
    } else {
      spdlog::debug("gRPC: {}", what);
    }
  });
}

std::vector<std::string> certified_names(const grpc::AuthContext& peer) {
  if (!peer.IsPeerAuthenticated()) return {};
  for (const char* property : {GRPC_PEER_DNS_PROPERTY_NAME, GRPC_X509_CN_PROPERTY_NAME}) {
    std::vector<std::string> names;
    for (const grpc::string_ref& name : peer.FindPropertyValues(property))
      names.emplace_back(name.data(), name.size());
    if (!names.empty()) return names;
  }
  return {};
}

std::string obstacle(const std::vector<std::string>& names, const std::vector<std::string>& allowed,
                     const std::string& gate) {
  if (std::ranges::find(names, gate) == names.end()) {
    return fmt::format(
        "it says that it is gate {}, and its certificate is for {}: give it a certificate for its "
        "gate.id",
        postern::plain_text(gate, kShown),
        names.empty() ? "nobody"
                      : postern::plain_text(fmt::format("{}", fmt::join(names, ", ")), kShown));
  }
  if (!allowed.empty() && std::ranges::find(allowed, gate) == allowed.end()) {
    return fmt::format("gate {} is not among remote.allowed of the control process",
                       postern::plain_text(gate, kShown));
  }
  return "";
}

}  // namespace postern::server
