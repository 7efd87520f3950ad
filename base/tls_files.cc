#include "base/tls_files.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <memory>

namespace postern {
namespace {

struct OpensslFree {
  void operator()(BIO* p) const { BIO_free(p); }
  void operator()(X509* p) const { X509_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(GENERAL_NAMES* p) const { GENERAL_NAMES_free(p); }
};
template <typename T>
using Owned = std::unique_ptr<T, OpensslFree>;

Owned<BIO> as_bio(const std::string& text) {
  return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Owned<X509> first_certificate(const std::string& pem) {
  Owned<X509> out(PEM_read_bio_X509(as_bio(pem).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return out;
}

// A key with a password is none for us: nobody is there to be asked.
int no_password(char*, int, int, void*) { return -1; }

Owned<EVP_PKEY> private_key(const std::string& pem) {
  Owned<EVP_PKEY> out(PEM_read_bio_PrivateKey(as_bio(pem).get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  return out;
}

std::string text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<size_t>(ASN1_STRING_length(string))};
}

std::vector<std::string> names_of(X509* certificate) {
  std::vector<std::string> names;
  const Owned<GENERAL_NAMES> all(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; all != nullptr && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type == GEN_DNS) names.push_back(text_of(name->d.dNSName));
  }
  if (!names.empty()) return names;
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at >= 0) names.push_back(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
  return names;
}

int64_t expiry_of(const X509* certificate) {
  std::tm when{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &when) != 1) return 0;
  return timegm(&when);
}

std::expected<std::string, std::string> read(const std::filesystem::path& file,
                                             std::string_view key) {
  if (file.empty()) {
    return std::unexpected(
        fmt::format("{}: names no file, and TLS needs one: deploy/certificates makes it", key));
  }
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in.is_open() || in.bad() || std::filesystem::is_directory(file)) {
    return std::unexpected(
        fmt::format("{}: cannot read {}: {}: name a PEM file that this user may "
                    "read",
                    key, file.string(), std::strerror(errno)));
  }
  return text;
}

}  // namespace

std::expected<TlsIdentity, std::string> read_tls_files(const TlsFiles& files,
                                                       const TlsKeyNames& keys) {
  TlsIdentity out;
  const struct {
    const std::filesystem::path& file;
    std::string_view key;
    std::string& into;
  } wanted[] = {{files.certificate, keys.certificate, out.certificate},
                {files.key, keys.key, out.key},
                {files.authorities, keys.authorities, out.authorities}};
  for (const auto& [file, key, into] : wanted) {
    auto text = read(file, key);
    if (!text) return std::unexpected(std::move(text.error()));
    into = std::move(*text);
  }
  const auto certificate = first_certificate(out.certificate);
  if (!certificate) {
    return std::unexpected(fmt::format("{}: {} holds no certificate in PEM", keys.certificate,
                                       files.certificate.string()));
  }
  const auto key = private_key(out.key);
  if (!key) {
    return std::unexpected(fmt::format("{}: {} holds no private key in PEM without a password",
                                       keys.key, files.key.string()));
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    return std::unexpected(
        fmt::format("{}: {} is not the key of the certificate in {}: name the two that were made "
                    "together",
                    keys.key, files.key.string(), files.certificate.string()));
  }
  if (!first_certificate(out.authorities)) {
    return std::unexpected(fmt::format("{}: {} holds no certificate of an authority in PEM",
                                       keys.authorities, files.authorities.string()));
  }
  out.names = names_of(certificate.get());
  out.expires_unix_s = expiry_of(certificate.get());
  return out;
}

}  // namespace postern
