#include "base/sender_part.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>
#include <cstring>

namespace postern {
namespace {

// RFC 3629 4, without what is too long, a surrogate or beyond U+10FFFF.
bool is_utf8(std::string_view text) {
  const auto octet = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0; };
  for (size_t at = 0; at < text.size();) {
    const uint8_t first = octet(at);
    if (first < 0x80) {
      ++at;
      continue;
    }
    if (first < 0xc2 || first > 0xf4) return false;
    const size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    for (size_t i = 1; i < length; ++i) {
      if ((octet(at + i) & 0xc0) != 0x80) return false;
    }
    const uint8_t second = octet(at + 1);
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
        (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) {
      return false;
    }
    at += length;
  }
  return true;
}

}  // namespace

std::expected<SenderPart, std::string> SenderPart::user(std::string_view name) {
  if (name.empty()) return std::unexpected("a user's name is empty");
  if (name.size() > kUserBytes) {
    return std::unexpected(
        fmt::format("a user's name has {} octets; no more than {} are learnt of one on the wire",
                    name.size(), kUserBytes));
  }
  const auto is_control = [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; };
  if (std::ranges::any_of(name, is_control) || !is_utf8(name)) {
    return std::unexpected("a user's name holds control characters or is not UTF-8");
  }
  SenderPart part;
  part.kind_ = Kind::kUser;
  part.user_length_ = static_cast<uint8_t>(lower_ascii(name, part.user_).size());
  return part;
}

SenderPart SenderPart::from(const IpPrefix& prefix) {
  SenderPart part;
  part.kind_ = Kind::kFrom;
  part.prefix_ = prefix;
  return part;
}

std::expected<SenderPart, std::string> SenderPart::parse(std::string_view text) {
  if (text.empty()) return SenderPart();
  if (text.starts_with("user:")) return user(text.substr(5));
  if (!text.starts_with("from:")) {
    return std::unexpected(
        "a part of a sender is written user:NAME or from:ADDRESS or from:PREFIX");
  }
  const auto prefix = IpPrefix::parse(text.substr(5));
  if (!prefix) return std::unexpected(prefix.error());
  return from(*prefix);
}

std::string SenderPart::to_string() const {
  std::array<char, kTextBytes> room;
  return std::string(text(room));
}

std::string_view SenderPart::text(std::array<char, kTextBytes>& room) const {
  if (kind_ == Kind::kWhole) return {};
  char* end =
      std::ranges::copy(std::string_view(kind_ == Kind::kUser ? "user:" : "from:"), room.data())
          .out;
  if (kind_ == Kind::kUser) {
    end = std::ranges::copy(user_name(), end).out;
  } else {
    const bool v4 = prefix_.address.is_v4();
    const void* octets = v4 ? prefix_.address.v4_bytes() : prefix_.address.bytes().data();
    inet_ntop(v4 ? AF_INET : AF_INET6, octets, end, INET6_ADDRSTRLEN);
    end += std::strlen(end);
    if (!prefix_.is_host()) {
      *end++ = '/';
      end = std::to_chars(end, room.data() + room.size(), prefix_.length).ptr;
    }
  }
  return {room.data(), static_cast<size_t>(end - room.data())};
}

}  // namespace postern
