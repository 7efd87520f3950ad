// Classes of characters of SMTP's lines, RFC 5234 B.1.
#pragma once

namespace postern::smtp {

constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace postern::smtp
