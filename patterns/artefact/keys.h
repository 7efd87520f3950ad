// Ed25519 keys (RFC 8032): who signs signature sets, and whose sets are trusted.
//
// A private key is a PEM file (PKCS #8, not encrypted, mode 0600). A public key is one line of
// text, the base64 of its 32 octets and perhaps a comment behind a space, so that it fits into a
// configuration.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postern::artefact {

using SignatureBytes = std::array<uint8_t, 64>;

struct PublicKey {
  std::array<uint8_t, 32> bytes{};

  bool operator==(const PublicKey&) const = default;
  // The errors say what a key looks like.
  static std::expected<PublicKey, std::string> parse(std::string_view line);
  // `text`: a key, or the path of a file whose first line is one.
  static std::expected<PublicKey, std::string> find(const std::string& text);
  std::string base64() const;
  // Its name among people: the first 16 hex digits of the key's SHA-256.
  std::string id() const;
  bool verify(std::span<const uint8_t> message, const SignatureBytes& signature) const;
};

class PrivateKey {
 public:
  static std::expected<PrivateKey, std::string> generate();
  static std::expected<PrivateKey, std::string> read(const std::filesystem::path& pem);
  static std::expected<PrivateKey, std::string> from_seed(std::span<const uint8_t, 32> seed);
  // Mode 0600. A file that is there is never overwritten.
  std::expected<void, std::string> write(const std::filesystem::path& pem) const;
  PublicKey public_key() const;
  std::expected<SignatureBytes, std::string> sign(std::span<const uint8_t> message) const;

 private:
  struct Free {
    void operator()(void* key) const;
  };
  explicit PrivateKey(void* key) : key_(key) {}
  std::unique_ptr<void, Free> key_;  // EVP_PKEY
};

}  // namespace postern::artefact
