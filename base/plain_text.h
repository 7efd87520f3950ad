// Text from mail and from other people's servers, made fit to be kept and shown: as data only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern {

// `text` as UTF-8 on one line: control characters, what is no UTF-8, and the characters that turn
// the direction of writing or are not seen (U+200B to U+200F, U+2028 to U+202E, U+2066 to U+2069,
// U+FEFF) become \xNN, octet by octet. Cut behind `most` characters of the result, with "…", when
// it would be longer.
std::string plain_text(std::string_view text, size_t most);

}  // namespace postern
