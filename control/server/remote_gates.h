// Who may speak for which gate, of those that come from other machines.
//
// Theory of operation. The handshake has already turned away whoever shows no certificate, or one
// of an authority that is not ours. What is left to ask is whether the gate that a stream's Hello
// names is the one that the certificate is for: events, reports and acknowledgements are filed
// under that name, and one gate must not speak for another.
//
// Our own files are read at each handshake: one that was renewed is shown from the next connection
// on. Files that cannot be used change nothing.
#pragma once

#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/server_credentials.h>

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "control/server/remote_settings.h"

namespace postern::server {

// For a port that speaks only to those with a certificate of one of the authorities. They must
// outlive the server that has the port. What is wrong with files that replaced others is logged.
// The error says what to do.
std::expected<std::shared_ptr<grpc::ServerCredentials>, std::string> remote_credentials(
    const TlsFiles& files);

// From now on the log says what gRPC has to say: above all who was turned away in the handshake,
// of whom no stream will tell. For the whole process, and for good.
void log_failed_handshakes();

// Whom the certificate of a peer is for: its DNS names; when it has none, its common name.
std::vector<std::string> certified_names(const grpc::AuthContext& peer);

// Empty: a peer with these names may speak for `gate`. Else why not, and what to do. `allowed` is
// RemoteSettings'.
std::string obstacle(const std::vector<std::string>& names, const std::vector<std::string>& allowed,
                     const std::string& gate);

}  // namespace postern::server
