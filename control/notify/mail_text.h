// Text of others made fit to stand in a letter: in its lines, in its header, and in base64.
//
// What a spammer wrote (subjects, addresses, user names, rules' texts) is quoted in what we send.
// It must not end a line, begin a header field, or steer a terminal or the direction of writing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postern::notify {

// One line of UTF-8 for people: octets that are no UTF-8, control characters and those that turn
// the direction of writing become U+FFFD; longer than `most` octets it is cut, with "…".
std::string one_line(std::string_view text, size_t most = 200);

// RFC 5321 4.1.2 in ASCII: a dot-string or quoted-free local part, and a domain name or address
// literal; at most 254 octets. Nothing that could end an angle-addr.
bool is_mail_address(std::string_view text);

// A field's value as RFC 5322 2.2.3 folds it, without its end of line: behind "NAME: ", with lines
// of at most 78 octets; what is not printable ASCII, or cannot be folded, as encoded words (RFC
// 2047). `name_octets`: how much of the first line the name takes, with its colon and space.
std::string unstructured(std::string_view value, size_t name_octets);
// "Anna <anna@example.com>" of an address that is_mail_address().
std::string mailbox(std::string_view name, std::string_view address);

// RFC 5322 3.3, in UTC: "Tue, 14 Nov 2023 22:13:20 +0000".
std::string mail_date(uint64_t unix_s);

std::string base64(std::string_view octets);
std::optional<std::string> from_base64(std::string_view text);
// RFC 2045 6.7, lines ended by CRLF. Line ends of the text (CRLF, LF) are line ends; other CRs are
// encoded.
std::string quoted_printable(std::string_view text);
// Lines of at most 76 characters, ended by CRLF.
std::string base64_lines(std::string_view octets);
// Lowercase hex of SHA-256.
std::string sha256(std::string_view octets);

}  // namespace postern::notify
