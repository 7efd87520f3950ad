// Hiding STARTTLS in the server's reply to EHLO (RFC 3207), octet for octet: the stream's numbers
// stay as they are.
//
// The keyword is what a line of the reply begins with, blanks apart; clients read it in any case.
// What is known to be the keyword only when its first octets have already passed is overwritten
// from there on: one octet is enough to make it another. A longer keyword that begins with STARTTLS
// is hidden with it, as what ends it may come too late.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace postern::smtp {

class StartTlsMask {
 public:
  // The next octets of replies to EHLO. True: some were overwritten.
  bool next(std::span<uint8_t> bytes) {
    bool changed = false;
    for (size_t at = 0; at < bytes.size(); ++at) changed |= take(bytes.first(at + 1));
    return changed;
  }

 private:
  static constexpr std::string_view kKeyword = "STARTTLS";
  static constexpr uint8_t kSeparator = 3;  // behind three digits
  static constexpr uint8_t kWord = 4;
  static constexpr uint8_t kElsewhere = 255;  // nothing more in this line

  // `bytes`: those that have come with the one to take, which is the last.
  bool take(std::span<uint8_t> bytes) {
    const uint8_t octet = bytes.back();
    if (octet == '\n') {
      place_ = 0;
    } else if (place_ < kSeparator) {
      place_ = octet >= '0' && octet <= '9' ? place_ + 1 : kElsewhere;
    } else if (place_ == kSeparator) {
      place_ = octet == '-' || octet == ' ' || octet == '\t' ? kWord : kElsewhere;
    } else if (place_ != kElsewhere) {
      const bool blank = octet == ' ' || octet == '\t';
      if (place_ == kWord && blank) return false;
      const size_t matched = place_ - kWord;
      const bool letter = (octet & 0xdf) == kKeyword[matched];
      place_ = letter ? place_ + 1 : kElsewhere;
      if (letter && matched + 1 == kKeyword.size()) {
        place_ = kElsewhere;
        const size_t hidden = bytes.size() < kKeyword.size() ? bytes.size() : kKeyword.size();
        for (uint8_t& hide : bytes.last(hidden)) hide = 'X';
        return true;
      }
    }
    return false;
  }

  uint8_t place_ = 0;  // in the line; from kWord on, plus the letters that match
};

}  // namespace postern::smtp
