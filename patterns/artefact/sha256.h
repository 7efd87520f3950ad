// SHA-256 (FIPS 180-4), through libcrypto.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace postern::artefact {

using Sha256 = std::array<uint8_t, 32>;

Sha256 sha256(std::span<const uint8_t> bytes);

// The same of octets that come piece by piece.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(const Sha256Stream&) = delete;
  Sha256Stream& operator=(const Sha256Stream&) = delete;
  void update(std::span<const uint8_t> bytes);
  // Once.
  Sha256 finish();

 private:
  void* context_;  // EVP_MD_CTX
};

std::string hex(const Sha256& digest);

}  // namespace postern::artefact
