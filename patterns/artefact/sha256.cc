#include "patterns/artefact/sha256.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <new>

namespace postern::artefact {

Sha256 sha256(std::span<const uint8_t> bytes) {
  Sha256 digest;
  SHA256(bytes.data(), bytes.size(), digest.data());
  return digest;
}

namespace {
EVP_MD_CTX* context_of(void* context) { return static_cast<EVP_MD_CTX*>(context); }
}  // namespace

Sha256Stream::Sha256Stream() : context_(EVP_MD_CTX_new()) {
  if (context_ == nullptr || EVP_DigestInit_ex(context_of(context_), EVP_sha256(), nullptr) != 1)
    throw std::bad_alloc();
}
Sha256Stream::~Sha256Stream() { EVP_MD_CTX_free(context_of(context_)); }
void Sha256Stream::update(std::span<const uint8_t> bytes) {
  EVP_DigestUpdate(context_of(context_), bytes.data(), bytes.size());
}
Sha256 Sha256Stream::finish() {
  Sha256 digest;
  EVP_DigestFinal_ex(context_of(context_), digest.data(), nullptr);
  return digest;
}

std::string hex(const Sha256& digest) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(2 * digest.size());
  for (uint8_t byte : digest) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

}  // namespace postern::artefact
