// Every line that we say to a client in a server's place, in one table.
//
// An operator may reword each; the wire's rules stay: the first digit is fixed by what the reply
// means, the enhanced code (RFC 3463) agrees with it, and codes that make real servers complain to
// their own postmaster instead of telling the sender (500 to 509, 555) are not accepted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/case_reference.h"
#include "base/ip.h"

namespace postern::smtp {

// X(enumerator, key, what the code must begin with, default template, help)
// In templates {case}, {ip}, {url} and {host} stand for the case reference, the sender's address,
// the configured page about refusals and our host name; in the replies about a part of a sender's
// mail {part} for the user's name or the address that handed the message in.
#define POSTERN_REPLIES(X)                                                                     \
  X(kContent, "content", "5", "554 5.7.1 Message refused: outbound spam (case {case}) {url}",  \
    "at the end of a message whose score reached the threshold")                               \
  X(kBlocked, "blocked", "5", "550 5.7.1 Sending from {ip} is blocked (case {case}) {url}",    \
    "to MAIL from a sender whose verdict is refuse, and at the end of its messages")           \
  X(kBlockedUser, "blocked_user", "5",                                                         \
    "550 5.7.1 Sending as {part} through {ip} is blocked (case {case}) {url}",                 \
    "to MAIL of a user who is blocked, and at the end of his messages")                        \
  X(kBlockedOrigin, "blocked_origin", "5",                                                     \
    "554 5.7.1 Message refused: mail from {part} through {ip} is blocked (case {case}) {url}", \
    "at the end of a message that a blocked address handed in to its server")                  \
  X(kEnvelope, "envelope", "5",                                                                \
    "550 5.7.1 Sender or recipient refused: outbound spam (case {case}) {url}",                \
    "to MAIL or RCPT, when rules about the envelope alone reach the threshold")                \
  X(kRate, "rate", "4", "451 4.7.1 Rate limited (case {case}) {url}",                          \
    "at the end of a message over the sender's allowance")                                     \
  X(kHold, "hold", "4", "451 4.7.1 Held for observation, try again later (case {case}) {url}", \
    "at the end of each message of a sender whose verdict is hold")                            \
  X(kFault, "fault", "4", "451 4.3.0 Message cannot be checked now, try again later",          \
    "at the end of a message that could not be scanned while the fail mode is closed")         \
  X(kSmuggling, "smuggling", "5",                                                              \
    "550 5.6.0 Message refused: bare CR or LF in its text (case {case}) {url}",                \
    "to a message that a lax server could split in two")                                       \
  X(kConnectDeferred, "connect_deferred", "421", "421 4.7.0 {host} Try again later",           \
    "at connect, when a connection is to be deferred as a whole")                              \
  X(kGreeting, "greeting", "220", "220 {host} ESMTP", "at connect to a blocked sender")        \
  X(kHello, "hello", "250", "250 {host}", "to EHLO and HELO of a blocked sender")              \
  X(kOk, "ok", "250", "250 2.0.0 Ok", "to RSET and NOOP of a blocked sender")                  \
  X(kVerify, "verify", "252", "252 2.0.0 Not verified", "to VRFY of a blocked sender")         \
  X(kNoTls, "no_tls", "454", "454 4.7.0 TLS not available",                                    \
    "to STARTTLS of a blocked sender, and where it is hidden")                                 \
  X(kLineTooLong, "line_too_long", "5", "554 5.5.2 Command line too long",                     \
    "to a command line longer than servers read as one")                                       \
  X(kNoTransaction, "no_transaction", "5", "554 5.5.1 No mail transaction",                    \
    "to RCPT, DATA and unknown commands of a blocked sender")                                  \
  X(kClosing, "closing", "421", "421 4.7.0 {host} Closing connection",                         \
    "when we end a connection that goes on after a refusal")                                   \
  X(kBye, "bye", "221", "221 2.0.0 Bye", "to QUIT")

enum class Reply : uint8_t {
#define X(enumerator, key, begins, text, help) enumerator,
  POSTERN_REPLIES(X)
#undef X
      kCount
};

struct ReplyDescription {
  std::string_view key;     // in the configuration, under [replies]
  std::string_view begins;  // the digits that its code must begin with
  std::string_view text;
  std::string_view help;
};

inline constexpr ReplyDescription kReplyTable[] = {
#define X(enumerator, key, begins, text, help) {key, begins, text, help},
    POSTERN_REPLIES(X)
#undef X
};

// RFC 5321 4.5.3.1.5: a reply line, CRLF included.
inline constexpr size_t kReplyLineBytes = 512;

// The templates in force: made at start, read by all workers.
class ReplyTexts {
 public:
  // The default templates with an empty {url}.
  explicit ReplyTexts(std::string_view host);

  // `overrides`: key and template, as configured. `url` may itself hold {case} and {ip}. The error
  // names the key, what is wrong and what is allowed.
  static std::expected<ReplyTexts, std::string> create(
      std::string_view host, std::string_view url,
      const std::vector<std::pair<std::string, std::string>>& overrides);

  // Writes the reply with its CRLF into `out` (kReplyLineBytes are always enough) and returns it.
  // Allocates nothing. Without a case, {case} becomes "none". Of `part` what is not printable ASCII
  // becomes "?".
  std::string_view render(Reply reply, CaseReference case_reference, const IpAddress& client,
                          std::span<char> out, std::string_view part = {}) const;

 private:
  std::string host_;
  // {url} already filled in.
  std::array<std::string, static_cast<size_t>(Reply::kCount)> templates_;
};

}  // namespace postern::smtp
