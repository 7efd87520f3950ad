// The left side of a header rule: "Subject", "From:addr", "ALL:raw", "ToCc", "MESSAGEID".
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "patterns/language/rule.h"

namespace postern::language {

struct SelectorText {
  HeaderSelector selector;
  std::string not_run;  // a pseudo header or form that Postern does not produce; empty: it does
};

// `text`: field name with modifiers, no blanks. The error says what was expected.
std::expected<SelectorText, std::string> parse_header_selector(std::string_view text);

}  // namespace postern::language
