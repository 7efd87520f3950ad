#include "base/ip.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace postern {

IpAddress IpAddress::from_v4(const uint8_t* bytes) {
  IpAddress a;
  std::ranges::copy(kMappedV4, a.bytes_.begin());
  std::memcpy(a.bytes_.data() + 12, bytes, 4);
  return a;
}

IpAddress IpAddress::from_v6(const uint8_t* bytes) {
  IpAddress a;
  std::memcpy(a.bytes_.data(), bytes, 16);
  return a;
}

std::expected<IpAddress, std::string> IpAddress::parse(std::string_view text) {
  const std::string copy(text);
  uint8_t raw[16];
  if (inet_pton(AF_INET, copy.c_str(), raw) == 1) return from_v4(raw);
  if (inet_pton(AF_INET6, copy.c_str(), raw) == 1) return from_v6(raw);
  return std::unexpected(
      fmt::format("'{}' is not an IP address: write 192.0.2.7 or 2001:db8::7", text));
}

std::string IpAddress::to_string() const {
  char out[INET6_ADDRSTRLEN];
  if (is_v4()) {
    inet_ntop(AF_INET, v4_bytes(), out, sizeof out);
  } else {
    inet_ntop(AF_INET6, bytes_.data(), out, sizeof out);
  }
  return out;
}

std::array<uint8_t, 16> masked(const std::array<uint8_t, 16>& address, uint8_t mapped_length) {
  std::array<uint8_t, 16> out{};
  const size_t whole = mapped_length / 8;
  std::copy_n(address.begin(), whole, out.begin());
  if (mapped_length % 8 != 0) {
    out[whole] = static_cast<uint8_t>(address[whole] & (0xff00 >> (mapped_length % 8)));
  }
  return out;
}

std::expected<IpPrefix, std::string> IpPrefix::parse(std::string_view text) {
  const size_t slash = text.find('/');
  auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) {
    return std::unexpected(fmt::format(
        "'{}' is not an IP address or prefix: write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32",
        text));
  }
  if (slash == std::string_view::npos) return host(*address);
  const std::string_view digits = text.substr(slash + 1);
  const unsigned limit = address->is_v4() ? 32 : 128;
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc() || end != digits.data() + digits.size() || length > limit) {
    return std::unexpected(
        fmt::format("'{}': the prefix length must be a number from 0 to {}", text, limit));
  }
  const IpPrefix prefix = containing(*address, static_cast<uint8_t>(length));
  if (prefix.address != *address) {
    return std::unexpected(fmt::format("'{}' has bits set after its length: did you mean {}?", text,
                                       prefix.to_string()));
  }
  return prefix;
}

IpPrefix IpPrefix::host(const IpAddress& address) {
  return {address, static_cast<uint8_t>(address.is_v4() ? 32 : 128)};
}

IpPrefix IpPrefix::containing(const IpAddress& address, uint8_t length) {
  const uint8_t mapped = address.is_v4() ? static_cast<uint8_t>(96 + length) : length;
  return {IpAddress::from_v6(masked(address.bytes(), mapped).data()), length};
}

bool IpPrefix::contains(const IpAddress& other) const {
  return other.is_v4() == address.is_v4() &&
         masked(other.bytes(), mapped_length()) == address.bytes();
}

std::string IpPrefix::to_string() const {
  return is_host() ? address.to_string() : fmt::format("{}/{}", address.to_string(), length);
}

}  // namespace postern
