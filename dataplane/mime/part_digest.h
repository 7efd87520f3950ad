// SHA-256 of a part's decoded octets, in one reused OpenSSL context.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

namespace postern::mime {

class PartDigest {
 public:
  PartDigest();

  void begin();
  void update(std::string_view octets);
  std::array<uint8_t, 32> finish();

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
    void operator()(EVP_MD* method) const { EVP_MD_free(method); }
  };
  std::unique_ptr<EVP_MD, Free> sha256_;
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

}  // namespace postern::mime
