// Reading one command line (RFC 5321 4.1, 3030, 3207, 4954).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace postern::smtp {

enum class Verb : uint8_t {
  kEmpty,  // a blank line: servers answer it with an error like any other command
  kEhlo,
  kHelo,
  kMail,
  kRcpt,
  kData,
  kBdat,
  kRset,
  kQuit,
  kAuth,
  kStartTls,
  kNoop,
  kVrfy,
  kXclient,  // Postfix: who the client is; the session begins anew when the server says 220
  kOther,    // EXPN, HELP, ETRN, XFORWARD: answered by one reply and without effect on us
  kUnknown,  // anything else
};

struct Command {
  Verb verb = Verb::kEmpty;
  std::string_view word;      // the verb as it was spelled
  std::string_view argument;  // into the line, without the blanks around it
};

// `line`: without its line end. The verb is the first word, in any case; servers skip blanks before
// it, and so do we.
Command parse_command(std::string_view line);

// The address of "FROM:<a@b> SIZE=1" or "TO:<a@b>", without its brackets; an address written
// without brackets ends at the first blank. `keyword` is "FROM:" or "TO:".
std::string_view envelope_address(std::string_view argument, std::string_view keyword);

// The argument of BDAT (RFC 3030 2): "86" or "0 LAST".
struct Chunk {
  uint32_t octets;
  bool last;
};
// None unless it is exactly of that form and below 2 GiB: what a server makes of another form (a
// sign, trailing letters, a number that wraps at 32 bits) differs from one to the next.
std::optional<Chunk> parse_chunk(std::string_view argument);

// Case-insensitive comparison of ASCII; `upper` is in capitals.
bool equals_upper(std::string_view text, std::string_view upper);

}  // namespace postern::smtp
