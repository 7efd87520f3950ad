// URIs in plain text, as mail programs make them into links.
//
// Theory of operation. A candidate begins at a word's beginning with "http://", "https://",
// "ftp://", "mailto:", "www." (also "www2.") or "ftp."; it goes on to a delimiter, a closing
// parenthesis that was not opened in it ends it, and punctuation at its end is not its own. These
// are SpamAssassin's rules, after Thunderbird's. A bare host gets the scheme that mail programs
// give it.
#pragma once

#include <cstddef>
#include <string_view>

#include "dataplane/mime/fixed_text.h"

namespace postern::mime {

class UriFinder {
 public:
  static constexpr size_t kUriBytes = 2048;

  void begin(std::string_view text) { rest_ = text, before_ = ' '; }
  // The next URI; empty when there is none. Valid until the next call.
  std::string_view next();

 private:
  std::string_view take(size_t start, std::string_view uri, std::string_view scheme);
  std::string_view address_at(size_t at) const;

  std::string_view rest_;
  char before_ = ' ';  // the octet before rest_
  FixedText<kUriBytes + 8> with_scheme_;
};

}  // namespace postern::mime
