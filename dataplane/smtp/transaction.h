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

// Named deviations from RFC 5321, as bits. Add rows at the end; kAnomalyNames follows.
enum class Anomaly : uint32_t {
  kBareCarriageReturn = 1 << 0,
  kBareLineFeed = 1 << 1,
  kDotLineFeed = 1 << 2,  // a lone dot ended by anything but CRLF on both sides: smuggling
  kEarlyTalker = 1 << 3,  // the client spoke before the greeting
  kLongCommandLine = 1 << 4,
  kUnknownVerb = 1 << 5,
  kCommandBytesAfterStartTls = 1 << 6,  // plain text pipelined behind STARTTLS
  kNulByte = 1 << 7,
  kReplyOutOfTurn = 1 << 8,  // the server accepted a message whose end we have not seen
};
inline constexpr std::array<std::string_view, 9> kAnomalyNames{"bare_cr",
                                                               "bare_lf",
                                                               "dot_lf",
                                                               "early_talker",
                                                               "long_command_line",
                                                               "unknown_verb",
                                                               "bytes_after_starttls",
                                                               "nul_byte",
                                                               "reply_out_of_turn"};

}  // namespace postern::smtp
