#include "patterns/artefact/keys.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "patterns/artefact/sha256.h"

namespace postern::artefact {
namespace {

constexpr size_t kBase64Characters = 44;  // of 32 octets
constexpr std::string_view kWhatAKeyIs =
    "a public key is the base64 of 32 octets, 44 characters, as the first line of the .pub file "
    "that `postern signatures keygen` writes";

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

struct CloseFile {
  void operator()(FILE* file) const { fclose(file); }
};
using File = std::unique_ptr<FILE, CloseFile>;

EVP_PKEY* key_of(void* key) { return static_cast<EVP_PKEY*>(key); }

}  // namespace

std::expected<PublicKey, std::string> PublicKey::parse(std::string_view line) {
  const std::string_view text = line.substr(0, line.find_first_of(" \t\r\n"));
  std::array<uint8_t, 33> octets{};
  if (text.size() != kBase64Characters || !text.ends_with('=') || text[42] == '=' ||
      EVP_DecodeBlock(octets.data(), reinterpret_cast<const uint8_t*>(text.data()),
                      static_cast<int>(text.size())) != 33) {
    return std::unexpected(fmt::format("\"{}\" is no public key: {}", text, kWhatAKeyIs));
  }
  PublicKey key;
  std::copy_n(octets.begin(), key.bytes.size(), key.bytes.begin());
  return key;
}

std::expected<PublicKey, std::string> PublicKey::find(const std::string& text) {
  auto key = parse(text);
  if (key) return key;
  std::error_code error;
  if (!std::filesystem::is_regular_file(text, error)) {
    return std::unexpected(
        fmt::format("\"{}\" is neither a public key nor a file with one: {}", text, kWhatAKeyIs));
  }
  std::ifstream in(text);
  std::string line;
  if (!std::getline(in, line)) return std::unexpected(fmt::format("{}: cannot be read", text));
  key = parse(line);
  if (!key) return std::unexpected(fmt::format("{}: {}", text, key.error()));
  return key;
}

std::string PublicKey::base64() const {
  std::array<uint8_t, kBase64Characters + 1> out;
  EVP_EncodeBlock(out.data(), bytes.data(), static_cast<int>(bytes.size()));
  return std::string(reinterpret_cast<const char*>(out.data()), kBase64Characters);
}

std::string PublicKey::id() const { return hex(sha256(bytes)).substr(0, 16); }

bool PublicKey::verify(std::span<const uint8_t> message, const SignatureBytes& signature) const {
  EVP_PKEY* key =
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes.data(), bytes.size());
  if (key == nullptr) return false;
  const Context context(EVP_MD_CTX_new());
  const bool good = context != nullptr &&
                    EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key) == 1 &&
                    EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                                     message.data(), message.size()) == 1;
  EVP_PKEY_free(key);
  return good;
}

void PrivateKey::Free::operator()(void* key) const { EVP_PKEY_free(key_of(key)); }

std::expected<PrivateKey, std::string> PrivateKey::generate() {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  if (key == nullptr) return std::unexpected("libcrypto cannot make an Ed25519 key");
  return PrivateKey(key);
}

std::expected<PrivateKey, std::string> PrivateKey::from_seed(std::span<const uint8_t, 32> seed) {
  EVP_PKEY* key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size());
  if (key == nullptr) return std::unexpected("libcrypto does not take the seed");
  return PrivateKey(key);
}

std::expected<PrivateKey, std::string> PrivateKey::read(const std::filesystem::path& pem) {
  const File file(fopen(pem.c_str(), "re"));
  if (file == nullptr) {
    return std::unexpected(
        fmt::format("{}: cannot be opened: {}", pem.string(), std::strerror(errno)));
  }
  EVP_PKEY* key = PEM_read_PrivateKey(file.get(), nullptr, nullptr, nullptr);
  if (key == nullptr || EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519) {
    EVP_PKEY_free(key);
    return std::unexpected(fmt::format(
        "{}: is no Ed25519 private key; `postern signatures keygen -o NAME` makes one as NAME.key",
        pem.string()));
  }
  return PrivateKey(key);
}

std::expected<void, std::string> PrivateKey::write(const std::filesystem::path& pem) const {
  const int fd = open(pem.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    return std::unexpected(
        errno == EEXIST
            ? fmt::format("{}: exists, and a private key is never overwritten; choose another name",
                          pem.string())
            : fmt::format("{}: cannot be made: {}", pem.string(), std::strerror(errno)));
  }
  File file(fdopen(fd, "w"));
  const bool written = PEM_write_PKCS8PrivateKey(file.get(), key_of(key_.get()), nullptr, nullptr,
                                                 0, nullptr, nullptr) == 1 &&
                       fflush(file.get()) == 0 && fsync(fd) == 0;
  if (!written) {
    unlink(pem.c_str());
    return std::unexpected(fmt::format("{}: cannot be written", pem.string()));
  }
  return {};
}

PublicKey PrivateKey::public_key() const {
  PublicKey key;
  size_t size = key.bytes.size();
  EVP_PKEY_get_raw_public_key(key_of(key_.get()), key.bytes.data(), &size);
  return key;
}

std::expected<SignatureBytes, std::string> PrivateKey::sign(
    std::span<const uint8_t> message) const {
  const Context context(EVP_MD_CTX_new());
  SignatureBytes out;
  size_t size = out.size();
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_of(key_.get())) != 1 ||
      EVP_DigestSign(context.get(), out.data(), &size, message.data(), message.size()) != 1 ||
      size != out.size()) {
    return std::unexpected("libcrypto cannot sign with this key");
  }
  return out;
}

}  // namespace postern::artefact
