#include "control/server/remote_gates.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <grpc/grpc_security_constants.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "base/plain_text.h"
#include "control/server/clock.h"

namespace postern::server {
namespace {
constexpr size_t kShown = 256;  // octets of what a peer calls itself
}

std::expected<std::shared_ptr<grpc::ServerCredentials>, std::string> remote_credentials(
    const TlsFiles& files) {
  const auto identity = read_tls_files(
      files,
      {.certificate = "remote.certificate", .key = "remote.key", .authorities = "remote.clients"});
  if (!identity) return std::unexpected(identity.error());
  if (identity->expires_unix_s < static_cast<int64_t>(unix_s())) {
    spdlog::error("{} (remote.certificate) has expired: gates on other machines will not come",
                  files.certificate.string());
  }
  grpc::SslServerCredentialsOptions options(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = identity->authorities;
  options.pem_key_cert_pairs.push_back({identity->key, identity->certificate});
  return grpc::SslServerCredentials(options);
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
