// The addresses that a message's text names, as SpamAssassin's FreeMail finds them.
//
// Theory of operation. Each paragraph is looked through at its "@": an address is a dotted name of
// up to 64 octets before it and a host below a top level domain behind it. What is quoted with a
// sender's name is not counted: an address in angle brackets, one before "wrote:", and any in a
// link. Links of HTML to "mailto:" count when they hold more than the address, or the text does not
// show it. The first kMost different ones are kept; who asks gives up at far fewer.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/mime/fixed_text.h"

namespace postern::scan::evals {

struct BodyAddress {
  static constexpr size_t kBytes = 376;  // the longest that is found
  mime::FixedText<kBytes> text;          // in small letters
  bool shown = false;                    // in a text, in brackets too
  bool counts = false;
};

class BodyAddresses {
 public:
  static constexpr size_t kMost = 40;

  void begin() { count_ = 0; }
  void paragraph(std::string_view text);
  // Behind "mailto:" in a link.
  void link(std::string_view text);
  // Those that count are known when the message has ended.
  std::span<const BodyAddress> all() const { return {addresses_.data(), count_}; }
  static bool counts(const BodyAddress& address) { return address.counts || !address.shown; }

 private:
  void stretch(std::string_view text);
  void add(std::string_view address, bool shown, bool counts);

  std::array<BodyAddress, kMost> addresses_;
  size_t count_ = 0;
};

}  // namespace postern::scan::evals
