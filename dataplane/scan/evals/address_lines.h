// The addresses of a header value, one after the other.
#pragma once

#include <algorithm>
#include <string_view>

#include "dataplane/mime/ascii.h"
#include "dataplane/mime/fixed_text.h"

namespace postern::scan::evals {

// One a line, in small letters; squeezed: of dots in a row one.
class AddressLines {
 public:
  explicit AddressLines(std::string_view value, bool squeezed = false)
      : rest_(value), squeezed_(squeezed) {}

  // False at the end.
  bool next() {
    while (!rest_.empty()) {
      const size_t end = std::min(rest_.find('\n'), rest_.size());
      room_.clear();
      for (char c : rest_.substr(0, end)) {
        if (squeezed_ && c == '.' && room_.view().ends_with('.')) continue;
        room_.append(mime::to_lower(c));
      }
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
      if (!room_.empty()) return true;
    }
    return false;
  }
  std::string_view address() const { return room_.view(); }

 private:
  std::string_view rest_;
  bool squeezed_;
  mime::FixedText<512> room_;
};

}  // namespace postern::scan::evals
