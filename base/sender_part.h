// The part of a sender's mail that a block is about: all of it, that of one of its users, or that
// which one address or range hands in to it.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "base/ip.h"

namespace postern {

// A value: compares, copies and hashes as its octets. Written as "" (the whole sender),
// "user:bob@example.com", "from:192.0.2.9", "from:192.0.2.0/24".
class SenderPart {
 public:
  enum class Kind : uint8_t { kWhole, kUser, kFrom };
  // As much of a name as is learnt from the wire and from headers; what is longer is cut there.
  static constexpr size_t kUserBytes = 64;
  static constexpr size_t kTextBytes = 5 + kUserBytes;  // of to_string()

  SenderPart() = default;  // the whole sender
  // A name as servers are told it in AUTH. Upper and lower case of ASCII letters are the same. The
  // error says what a name must be: 1 to kUserBytes octets of UTF-8 without control characters.
  static std::expected<SenderPart, std::string> user(std::string_view name);
  static SenderPart from(const IpPrefix& prefix);
  static std::expected<SenderPart, std::string> parse(std::string_view text);

  Kind kind() const { return kind_; }
  bool is_whole() const { return kind_ == Kind::kWhole; }
  std::string_view user_name() const { return {user_.data(), user_length_}; }  // kUser
  const IpPrefix& prefix() const { return prefix_; }                           // kFrom
  std::string to_string() const;
  // The same without allocating, in `room`.
  std::string_view text(std::array<char, kTextBytes>& room) const;

  auto operator<=>(const SenderPart&) const = default;

 private:
  Kind kind_ = Kind::kWhole;
  uint8_t user_length_ = 0;
  std::array<char, kUserBytes> user_{};  // zero behind the name
  IpPrefix prefix_;
};

// `text` with ASCII letters in lower case, as much as fits into `room`.
inline std::string_view lower_ascii(std::string_view text,
                                    std::array<char, SenderPart::kUserBytes>& room) {
  const size_t length = std::min(text.size(), room.size());
  for (size_t i = 0; i < length; ++i) {
    const char c = text[i];
    room[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  }
  return {room.data(), length};
}

}  // namespace postern
