// The files by which one side of a mutual TLS connection shows who it is and knows the other.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <vector>

namespace postern {

// All PEM.
struct TlsFiles {
  std::filesystem::path certificate = {};  // our own, then its chain
  std::filesystem::path key = {};          // the certificate's, without a password
  std::filesystem::path authorities = {};  // who may sign the other side's certificate
};

// What the configuration calls each, for errors: "remote.certificate".
struct TlsKeyNames {
  std::string_view certificate, key, authorities;
};

// The files' texts, and what the certificate says.
struct TlsIdentity {
  std::string certificate;
  std::string key;
  std::string authorities;
  // Whom the certificate is for: its DNS names; when it has none, its common name (RFC 6125 6.4.4).
  std::vector<std::string> names;
  int64_t expires_unix_s = 0;
};

// Any thread. The error begins with the configuration's name of the file and says what to do: a
// file is missing, unreadable or no PEM, the key is not the certificate's, or there is no
// authority. A certificate that has expired is none: whoever meets it says so.
std::expected<TlsIdentity, std::string> read_tls_files(const TlsFiles& files,
                                                       const TlsKeyNames& keys);

}  // namespace postern
