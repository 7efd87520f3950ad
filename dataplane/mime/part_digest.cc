#include "dataplane/mime/part_digest.h"

namespace postern::mime {

PartDigest::PartDigest()
    : sha256_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context_(EVP_MD_CTX_new()) {
  begin();
}

void PartDigest::begin() { EVP_DigestInit_ex2(context_.get(), sha256_.get(), nullptr); }

void PartDigest::update(std::string_view octets) {
  EVP_DigestUpdate(context_.get(), octets.data(), octets.size());
}

std::array<uint8_t, 32> PartDigest::finish() {
  std::array<uint8_t, 32> digest{};
  EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
  return digest;
}

}  // namespace postern::mime
