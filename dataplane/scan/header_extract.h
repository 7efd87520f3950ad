// What a header selector with :host, :domain, :ip or :revip takes out of one value, as
// SpamAssassin's get() does.
#pragma once

#include <span>
#include <string_view>

#include "patterns/language/rule.h"

namespace postern::scan {

inline constexpr size_t kExtractBytes = 256;

// `is_address`: the value is an e-mail address by itself (:addr). Empty when there is nothing of
// the kind; else a part of `value`, or written to `room`. Allocates nothing.
std::string_view extract(language::HeaderSelector::Extract what, std::string_view value,
                         bool is_address, std::span<char, kExtractBytes> room);

}  // namespace postern::scan
