// One SMTP connection, followed in both directions (RFC 5321, 2920, 3207, 4954).
//
// Theory of operation. The session is a passive, enforcing observer. It is given each direction's
// bytes in order, exactly once, and answers how far they may be forwarded. It forges nothing and
// knows no packet: the TCP code cuts, waits and injects as told.
//
// The commands that the client has sent and the server has not yet answered form a queue; a reply
// always belongs to its head. After a command whose reply decides what the next client byte *means*
// (DATA, STARTTLS, AUTH) the session takes no further client byte until that reply has come
// (Step::kWait), so that it can never disagree with the server about what is text and what is a
// command.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/smtp/transaction.h"

namespace postern::smtp {

// What is to become of the client's bytes.
enum class Step : uint8_t {
  kContinue,  // all were consumed: forward them
  kWait,    // forward the consumed ones; the rest only after more from the server: offer them again
  kRefuse,  // forward the consumed ones; nothing behind them may ever reach the server. The reply
            // is in refusal(); it is due once replies_outstanding() is 0
  kOpaque,  // forward the consumed ones; from the next byte on the connection is not SMTP text
            // (TLS began, or it never was SMTP): stop calling
};

struct ClientStep {
  size_t consumed;
  Step step;
};

struct Limits {
  uint32_t command_line = 2048;  // octets; RFC 5321 4.5.3.1.4 asks 512, ESMTP parameters add
  uint32_t outstanding_commands = 256;
};

// What the session asks of its surroundings (the worker, a test, `postern inspect`). All calls are
// made from within client_bytes(), server_bytes() and close(), on their thread.
class SessionHandler {
 public:
  virtual ~SessionHandler() = default;
  // Memory for a transaction or a partial line; null when none is free (the session then waits).
  virtual Transaction* take_transaction() = 0;
  virtual void give_transaction(Transaction* transaction) = 0;
  // The client has sent DATA (or its first BDAT) and it is about to be forwarded. False: no memory
  // for a message now; the session waits before the command.
  virtual bool message_begin(const Session& session, Transaction& transaction) = 0;
  // Message octets as the receiver will store them: dots unstuffed, CRLF line ends, end of data
  // excluded (RFC 5321 4.5.2).
  virtual void message_bytes(Transaction& transaction, std::span<const uint8_t> bytes) = 0;
  // The commit point: the end of data is next. True lets it pass; false refuses, and the handler
  // has called Session::refuse_with().
  virtual bool message_end(Session& session, Transaction& transaction) = 0;
  // A message that began will not end: connection lost, or the server answered the DATA command
  // with a refusal.
  virtual void message_abandoned(Session& session, Transaction& transaction) = 0;
  // The server has answered the end of data, (or MAIL/RCPT/DATA failed and the transaction is
  // over): all that is to be known of this transaction is in it now. Not called after
  // message_abandoned().
  virtual void transaction_over(Session& session, Transaction& transaction) = 0;
};

class Session {
 public:
  void begin(SessionHandler* handler, const Limits* limits);  // makes a used object new

  // `bytes`: the client's next in-order bytes. Bytes that were not consumed are offered again, from
  // the first unconsumed one, when more from the server has been seen.
  ClientStep client_bytes(std::span<const uint8_t> bytes);

  // `bytes`: the server's next in-order bytes; all are consumed and forwarded. Returns false once
  // the connection has become opaque (the 220 to STARTTLS has gone by): stop calling.
  bool server_bytes(std::span<uint8_t> bytes);

  // The connection ended or is being cut: gives back what the session holds.
  void close();

  // For the handler in message_end(): the reply the client is to get, CRLF-terminated; copied.
  void refuse_with(std::string_view reply_lines);
  std::string_view refusal() const;

  // Replies that the server still owes to commands forwarded before the refused one.
  uint32_t replies_outstanding() const;
  bool opaque() const;
  bool in_message() const;             // between DATA's 354 and the end of data
  std::string_view helo() const;       // argument of the last HELO/EHLO, cut at 64 characters
  std::string_view auth_user() const;  // RFC 4954, from PLAIN and LOGIN, once the server said 235
  uint32_t messages() const;           // ends of data seen on this connection
};

}  // namespace postern::smtp
