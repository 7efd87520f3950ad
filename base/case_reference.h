// The short reference that a refusal gives the customer and by which everyone finds the case.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern {

// A 50-bit number written as ten characters of Crockford's base 32 ("7F3A00KX1M"): no I, L, O or U,
// so it survives being read over a telephone. Zero means "none".
struct CaseReference {
  static constexpr int kCharacters = 10;
  static constexpr uint64_t kMask = (uint64_t{1} << 50) - 1;
  uint64_t number = 0;

  explicit operator bool() const { return number != 0; }
  auto operator<=>(const CaseReference&) const = default;

  std::array<char, kCharacters> characters() const {
    static constexpr char kDigits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    std::array<char, kCharacters> out;
    uint64_t rest = number & kMask;
    for (int i = kCharacters - 1; i >= 0; --i, rest >>= 5) out[i] = kDigits[rest & 31];
    return out;
  }
  std::string to_string() const {
    const auto c = characters();
    return std::string(c.data(), c.size());
  }
  // Reads either case, and I, L as 1, O as 0, as Crockford's decoding rule says.
  static std::optional<CaseReference> parse(std::string_view text) {
    if (text.empty() || text.size() > kCharacters) return std::nullopt;
    uint64_t number = 0;
    for (char c : text) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
      if (c == 'O') c = '0';
      if (c == 'I' || c == 'L') c = '1';
      constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
      const size_t digit = kDigits.find(c);
      if (digit == std::string_view::npos) return std::nullopt;
      number = number << 5 | digit;
    }
    return CaseReference{number};
  }
};

}  // namespace postern
