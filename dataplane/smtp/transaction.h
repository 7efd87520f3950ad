// One mail transaction (RFC 5321 3.3): envelope, replies, and what is known of the message.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace postern::smtp {

class Session;

// An address of the envelope and the server's reply to it.
struct Recipient {
  uint16_t offset = 0;  // into Transaction::text
  uint16_t length = 0;
  uint16_t reply_code = 0;  // 0: not answered yet
};

// Fixed size, from a pool (take_transaction). Text that does not fit is cut and `truncated` set;
// the counts go on.
struct Transaction {
  static constexpr size_t kTextBytes = 3072;
  static constexpr size_t kRecipients = 100;
  static constexpr size_t kLineBytes = 2048;

  uint16_t mail_from_offset = 0;
  uint16_t mail_from_length = 0;  // <> is length 0 with has_mail_from set
  bool has_mail_from = false;
  bool truncated = false;
  uint16_t mail_reply_code = 0;
  uint16_t data_reply_code = 0;   // 354, or why not
  uint16_t final_reply_code = 0;  // to the end of data; 0: refused by us, or not answered
  uint32_t recipients_count = 0;  // all RCPT commands, also those beyond kRecipients
  uint32_t recipients_stored = 0;
  uint64_t message_bytes = 0;  // octets as stored by the receiver
  uint32_t anomalies = 0;      // bits of smtp::Anomaly
  uint16_t text_used = 0;
  std::array<Recipient, kRecipients> recipients;
  std::array<char, kTextBytes> text;
  uint16_t line_used = 0;  // a command line that has not ended yet
  std::array<uint8_t, kLineBytes> line;
  void* message = nullptr;  // the handler's own: its message under way

  uint32_t recipients_answered = 0;
  uint32_t recipients_rejected = 0;  // of those answered
  bool begun = false;                // MAIL, RCPT, DATA or BDAT was seen: more than a partial line
  bool chunked = false;              // the message came by BDAT (RFC 3030)
  bool reported = false;  // the handler has been told the outcome; nothing has happened since

  std::string_view mail_from() const { return {text.data() + mail_from_offset, mail_from_length}; }
  std::string_view recipient(uint32_t i) const {
    return {text.data() + recipients[i].offset, recipients[i].length};
  }

  // Makes a used object new, but for its partial line.
  void clear_envelope();
  void add_mail_from(std::string_view address);
  void add_recipient(std::string_view address);
  // The reply to the first recipient not yet answered.
  void answer_recipient(uint16_t code);

 private:
  // Returns the length stored.
  uint16_t store(std::string_view address, uint16_t* offset);
};

// Named deviations from RFC 5321, in one table. X(enumerator, bit, name, what it is); add rows at
// the end. A "lone dot" stands on a line by itself whose ends are not both CRLF: no end of data
// (RFC 5321 4.1.1.4), but one to some servers. Its names say what stands before and behind it; it
// is judged in front of the CR, so behind those of "dot_crlf" the LF may be missing.
#define POSTERN_SMTP_ANOMALIES(X)                                                           \
  X(kBareCarriageReturn, 0, "bare_cr", "a CR without its LF in message text")               \
  X(kBareLineFeed, 1, "bare_lf", "a LF without its CR in message text")                     \
  X(kLfDotLf, 2, "lf_dot_lf", "a lone dot behind a bare LF, and a LF")                      \
  X(kEarlyTalker, 3, "early_talker", "the client spoke before the greeting")                \
  X(kLongCommandLine, 4, "long_command_line", "a command line longer than we keep")         \
  X(kUnknownVerb, 5, "unknown_verb", "a command that is none of SMTP's")                    \
  X(kCommandBytesAfterStartTls, 6, "bytes_after_starttls", "plain text behind STARTTLS")    \
  X(kNulByte, 7, "nul_byte", "a NUL in a command or in message text")                       \
  X(kReplyOutOfTurn, 8, "reply_out_of_turn",                                                \
    "the server accepted a message whose end we have not seen")                             \
  X(kLfDotCrlf, 9, "lf_dot_crlf", "a lone dot behind a bare LF, and a CR or CRLF")          \
  X(kCrDotLf, 10, "cr_dot_lf", "a lone dot behind a bare CR, and a LF")                     \
  X(kCrDotCrlf, 11, "cr_dot_crlf", "a lone dot behind a bare CR, and a CR or CRLF")         \
  X(kCrlfDotLf, 12, "crlf_dot_lf", "a lone dot behind a CRLF, and a LF")                    \
  X(kCrlfDotCr, 13, "crlf_dot_cr", "a lone dot behind a CRLF, and a CR without LF")         \
  X(kCommandBareCarriageReturn, 14, "command_bare_cr", "a CR inside a command line")        \
  X(kCommandBareLineFeed, 15, "command_bare_lf", "a command line ended by a LF without CR") \
  X(kNulDot, 16, "nul_dot", "a lone dot with NULs on its line, which some servers drop")

enum class Anomaly : uint32_t {
#define X(enumerator, number, name, help) enumerator = 1u << number,
  POSTERN_SMTP_ANOMALIES(X)
#undef X
};
// By bit.
inline constexpr std::array kAnomalyNames = {
#define X(enumerator, number, name, help) std::string_view(name),
    POSTERN_SMTP_ANOMALIES(X)
#undef X
};

// Those by which a server could take one message for two. In the octets of a chunk (BDAT) they tell
// something of the client, but no server can split at them: it counts octets.
inline constexpr uint32_t kSmugglingAnomalies =
    static_cast<uint32_t>(Anomaly::kBareCarriageReturn) |
    static_cast<uint32_t>(Anomaly::kBareLineFeed) | static_cast<uint32_t>(Anomaly::kLfDotLf) |
    static_cast<uint32_t>(Anomaly::kLfDotCrlf) | static_cast<uint32_t>(Anomaly::kCrDotLf) |
    static_cast<uint32_t>(Anomaly::kCrDotCrlf) | static_cast<uint32_t>(Anomaly::kCrlfDotLf) |
    static_cast<uint32_t>(Anomaly::kCrlfDotCr) | static_cast<uint32_t>(Anomaly::kNulDot);

}  // namespace postern::smtp
