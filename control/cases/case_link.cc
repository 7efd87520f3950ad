#include "control/cases/case_link.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace postern::cases {
namespace {

constexpr int kBase64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING;  // RFC 4648 5
constexpr size_t kSignatureCharacters = 43;                        // of 32 octets

std::string failure(std::string_view what, const std::filesystem::path& file) {
  return fmt::format("cannot {} the key of case links {}: {}", what, file.string(),
                     std::strerror(errno));
}

}  // namespace

std::expected<CaseLinks, std::string> CaseLinks::open(const std::filesystem::path& file) {
  Key key{};
  int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor >= 0) {
    const ssize_t length = read(descriptor, key.data(), key.size());
    close(descriptor);
    if (length == std::ssize(key)) return CaseLinks(key);
    return std::unexpected(fmt::format(
        "the key of case links {} is cut short: remove it, and links sent until now end",
        file.string()));
  }
  if (errno != ENOENT) return std::unexpected(failure("read", file));
  randombytes_buf(key.data(), key.size());
  descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) return std::unexpected(failure("make", file));
  const bool written =
      write(descriptor, key.data(), key.size()) == std::ssize(key) && fsync(descriptor) == 0;
  const std::string error = failure("write", file);
  close(descriptor);
  if (written) return CaseLinks(key);
  unlink(file.c_str());
  return std::unexpected(error);
}

std::string CaseLinks::signature(std::string_view text) const {
  unsigned char mac[crypto_auth_hmacsha256_BYTES];
  crypto_auth_hmacsha256(mac, reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                         key_.data());
  static_assert(crypto_auth_hmacsha256_KEYBYTES == std::tuple_size_v<Key>);
  std::string out(sodium_base64_encoded_len(sizeof mac, kBase64), '\0');
  sodium_bin2base64(out.data(), out.size(), mac, sizeof mac, kBase64);
  out.resize(kSignatureCharacters);
  return out;
}

std::string CaseLinks::token(CaseReference reference, uint64_t good_until_unix_s) const {
  const std::string text = fmt::format("{}.{}", reference.to_string(), good_until_unix_s);
  return text + "." + signature(text);
}

std::optional<CaseReference> CaseLinks::check(std::string_view token, uint64_t now_unix_s) const {
  const size_t first = token.find('.');
  const size_t last = token.rfind('.');
  if (first == token.npos || first == last) return {};
  const std::string_view signed_text = token.substr(0, last);
  const std::string_view signature_given = token.substr(last + 1);
  if (signature_given.size() != kSignatureCharacters) return {};
  const std::string expected = signature(signed_text);
  if (sodium_memcmp(expected.data(), signature_given.data(), kSignatureCharacters) != 0) return {};
  // What follows was written by us.
  const std::string_view until_text = signed_text.substr(first + 1);
  uint64_t until = 0;
  const auto [end, error] =
      std::from_chars(until_text.data(), until_text.data() + until_text.size(), until);
  if (error != std::errc() || end != until_text.data() + until_text.size() || now_unix_s > until)
    return {};
  return CaseReference::parse(signed_text.substr(0, first));
}

}  // namespace postern::cases
