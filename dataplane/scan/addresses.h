// The mailboxes of an address header (RFC 5322 3.4), read as leniently as SpamAssassin reads them.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace postern::scan {

// Views into the field.
struct Mailbox {
  std::string_view address;  // empty when what stood there is none
  std::string_view phrase;   // display name with its quotes, else a trailing comment; may be empty
};

// Gives the mailboxes of one field value, in order. Allocates nothing.
class MailboxReader {
 public:
  explicit MailboxReader(std::string_view value);
  std::optional<Mailbox> next();

 private:
  std::string_view rest_;
};

// The display name without quotes and comments, written to the start of `out`.
std::string_view unquoted_phrase(std::string_view phrase, std::span<char> out);
// White space runs as one blank, none at the ends, no single quotes around; to the start of `out`.
std::string_view tidy_phrase(std::string_view phrase, std::span<char> out);

}  // namespace postern::scan
