// Where a message came from, as one line that `origin` rules are matched against:
//
//     ip=192.0.2.9 auth=yes user=bob script=- confidence=high
//
// auth is yes, no or unknown; confidence none, low, medium or high; what is not known is "-". White
// space and control characters in a value become "_": what stands after "user=" cannot end there.
#pragma once

#include <span>
#include <string_view>

#include "dataplane/mime/origin.h"

namespace postern::scan {

inline constexpr size_t kOriginLineBytes = 384;

// Written to `out`, which should hold kOriginLineBytes.
std::string_view origin_line(const mime::Origin& origin, std::span<char> out);

}  // namespace postern::scan
