// IP addresses and prefixes, both families in one value type.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <expected>
#include <functional>
#include <string>
#include <string_view>

namespace postern {

// An IPv4 or IPv6 address. IPv4 is held as its mapped form (::ffff:a.b.c.d, RFC 4291 2.5.5.2), so
// both families share one key space of 16 bytes in network order.
class IpAddress {
 public:
  constexpr IpAddress() = default;
  static IpAddress from_v4(const uint8_t* four_network_order_bytes);
  static IpAddress from_v6(const uint8_t* sixteen_network_order_bytes);
  // "192.0.2.7", "2001:db8::1". The error says what was wrong and what was expected.
  static std::expected<IpAddress, std::string> parse(std::string_view text);

  bool is_v4() const { return std::memcmp(bytes_.data(), kMappedV4.data(), kMappedV4.size()) == 0; }
  const std::array<uint8_t, 16>& bytes() const { return bytes_; }
  const uint8_t* v4_bytes() const { return bytes_.data() + 12; }
  std::string to_string() const;
  auto operator<=>(const IpAddress&) const = default;

 private:
  // RFC 4291 2.5.5.2.
  static constexpr std::array<uint8_t, 12> kMappedV4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

  std::array<uint8_t, 16> bytes_{};
};

// A prefix; host bits are zero. `length` counts bits in the address's own family: 0–32 or 0–128.
struct IpPrefix {
  IpAddress address;
  uint8_t length = 0;

  // "192.0.2.0/24", "2001:db8::/32", or a bare address (its full length). Host bits that are set
  // are an error: the operator probably mistyped.
  static std::expected<IpPrefix, std::string> parse(std::string_view text);
  static IpPrefix host(const IpAddress& address);
  // The prefix of `length` own-family bits that `address` lies in.
  static IpPrefix containing(const IpAddress& address, uint8_t length);

  bool contains(const IpAddress& other) const;
  bool is_host() const { return length == (address.is_v4() ? 32 : 128); }
  // Length in the 128-bit key space: 96 more for IPv4.
  uint8_t mapped_length() const {
    return address.is_v4() ? static_cast<uint8_t>(96 + length) : length;
  }
  // A full-length prefix prints as a bare address.
  std::string to_string() const;
  auto operator<=>(const IpPrefix&) const = default;
};

// `address` with all but its first `mapped_length` bits of the 128-bit key space cleared.
std::array<uint8_t, 16> masked(const std::array<uint8_t, 16>& address, uint8_t mapped_length);

}  // namespace postern
