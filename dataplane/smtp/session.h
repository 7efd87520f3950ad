// One SMTP connection, followed in both directions (RFC 5321, 2920, 3030, 3207, 4954).
//
// Theory of operation. The session is a passive, enforcing observer. It is given each direction's
// bytes in order, exactly once, and answers how far they may be forwarded. It forges nothing and
// knows no packet: the TCP code cuts, waits and injects as told.
//
// The commands that the client has sent and the server has not yet answered form a queue; a reply
// always belongs to its head. After a command whose reply decides what the next client byte *means*
// (DATA, STARTTLS, AUTH, EHLO, HELO, a verb we do not know) the session takes no further client
// byte until that reply has come (Step::kWait), so that it can never disagree with the server about
// what is text and what is a command. RFC 2920 3.1 makes clients wait there anyway. A BDAT whose
// CHUNKING the server has not announced is such an unknown verb.
//
// An envelope can be refused before its MAIL or RCPT line passes: the server never sees the line's
// end, and all is as after a refused message.
//
// Between two transactions a session holds no memory but its own. A transaction whose end the
// client has sent (end of data, RSET, QUIT) stays beside the next one until the server has answered
// that end, because clients pipeline the next MAIL behind it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/smtp/auth_user.h"
#include "dataplane/smtp/command.h"
#include "dataplane/smtp/dialect.h"
#include "dataplane/smtp/message_text.h"
#include "dataplane/smtp/reply_reader.h"
#include "dataplane/smtp/starttls_mask.h"
#include "dataplane/smtp/transaction.h"

namespace postern::smtp {

// What is to become of the client's bytes.
enum class Step : uint8_t {
  kContinue,  // all were consumed: forward them
  kWait,    // forward the consumed ones; the rest only after more from the server, or once there is
            // memory again: offer them again
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
  // Octets of a command line. RFC 5321 4.5.3.1.4 asks for 512, ESMTP parameters add; of AUTH and
  // its answers it is kAuthLine (RFC 4954 4).
  uint32_t command_line = 2048;
  static constexpr uint32_t kAuthLine = 12288;
  uint32_t outstanding_commands = 256;  // at most 256
  // What is seen has passed already and nothing can be held back: a capture. Packets may then have
  // been noted in another order than the hosts saw them, so a reply ahead of what it answers is no
  // disagreement.
  bool passive = false;
};

// The command at which an envelope is judged.
enum class EnvelopeStep : uint8_t { kMail, kRcpt };

// Why a command line may not pass.
enum class LineFault : uint8_t {
  kTooLong,         // some servers read the rest of a long line as the next command
  kHiddenStartTls,  // STARTTLS that the client was not offered
};

// What a session has shown of its client, over all its transactions.
struct Conduct {
  Dialect dialect;
  bool pipelined = false;    // a command was sent ahead of the reply to an earlier one
  bool chunked = false;      // BDAT
  bool tls_offered = false;  // by the server, hidden from the client or not
  bool tls_started = false;
  uint32_t recipients_count = 0;
  uint32_t recipients_rejected = 0;  // by the server
  uint32_t null_senders = 0;
};

// What the session asks of its surroundings (the worker, a test, `postern inspect`). All calls are
// made from within client_bytes(), server_bytes() and close(), on their thread.
class SessionHandler {
 public:
  virtual ~SessionHandler() = default;
  // Memory for a transaction or a partial line; null when none is free (the session then waits).
  virtual Transaction* take_transaction() = 0;
  virtual void give_transaction(Transaction* transaction) = 0;
  // A MAIL or RCPT command for `address` is about to be forwarded; the transaction has it already,
  // if it had room. True lets it pass. False refuses: the handler has called
  // Session::refuse_with(), and transaction_over() follows as for a refused message.
  virtual bool envelope_allowed(Session& session, Transaction& transaction, EnvelopeStep step,
                                std::string_view address) {
    (void)session, (void)transaction, (void)step, (void)address;
    return true;
  }
  // A command line is not let pass; the handler calls Session::refuse_with().
  virtual void line_refused(Session& session, LineFault fault);
  // The client has sent DATA (or its first BDAT) and it is about to be forwarded. False: no memory
  // for a message now; the session waits before the command.
  virtual bool message_begin(const Session& session, Transaction& transaction) = 0;
  // Message octets as the receiver will store them: dots unstuffed, CRLF line ends, end of data
  // excluded (RFC 5321 4.5.2).
  virtual void message_bytes(Transaction& transaction, std::span<const uint8_t> bytes) = 0;
  // The commit point: the end of data is next. True lets it pass; false refuses, and the handler
  // has called Session::refuse_with().
  virtual bool message_end(Session& session, Transaction& transaction) = 0;
  // A line end is next that makes a lone dot which is not the end of data (RFC 5321 4.1.1.4), but
  // which some servers take for it ("SMTP smuggling"). True lets it pass as text; the transaction's
  // anomalies tell of it at the commit point. False refuses the message here, where such a server
  // would commit it; all is then as after message_end() returned false.
  virtual bool dubious_message_end(Session& session, Transaction& transaction) {
    (void)session, (void)transaction;
    return true;
  }
  // A message that began will not end: connection lost, the server answered the DATA command with a
  // refusal, or the client gave up between two chunks (RSET, QUIT). Replies so far are in
  // `transaction`.
  virtual void message_abandoned(Session& session, Transaction& transaction) = 0;
  // The server has answered the end of data (or MAIL/RCPT/DATA failed and the transaction is
  // over): all that is to be known of this transaction is in it now. Also called once for a message
  // that we refused, when the earlier commands have been answered (replies_outstanding() is 0) or
  // on close(). Not called after message_abandoned().
  virtual void transaction_over(Session& session, Transaction& transaction) = 0;
};

class Session {
 public:
  void begin(SessionHandler* handler, const Limits* limits);  // makes a used object new

  // `bytes`: the client's next in-order bytes. Bytes that were not consumed are offered again, from
  // the first unconsumed one, when more from the server has been seen.
  ClientStep client_bytes(std::span<const uint8_t> bytes);

  // `bytes`: the server's next in-order bytes; all are consumed and forwarded, as they are then: of
  // a masked keyword some may have been changed (rewrote() tells). Returns false once the
  // connection has become opaque (the 220 to STARTTLS has gone by): stop calling.
  bool server_bytes(std::span<uint8_t> bytes);
  // Whether the last server_bytes() changed any.
  bool rewrote() const { return rewrote_; }
  // From now on STARTTLS is overwritten in the replies to EHLO. To be called before the first one.
  void mask_starttls(bool mask) { mask_starttls_ = mask; }
  // Whether the server's next bytes may have to be changed, so that none may pass unread.
  bool may_rewrite() const {
    return mask_starttls_ && queue_count_ > 0 && last_awaited() == Awaited::kEhlo;
  }

  // The connection ended or is being cut: gives back what the session holds.
  void close();

  // For the handler in message_end() and envelope_allowed(): the reply the client is to get,
  // CRLF-terminated; copied.
  void refuse_with(std::string_view reply_lines);
  std::string_view refusal() const;
  // How many of `rest`, the client's bytes behind those consumed when it was refused, belong to
  // what was refused: the rest of a command line, what was withheld of an end of data, or the last
  // octet of a chunk.
  size_t refused_octets(std::span<const uint8_t> rest) const;

  // Replies that the server still owes to commands forwarded before the refused one.
  uint32_t replies_outstanding() const;
  // Whether the client's next `octets` will be taken whatever they are, without a wait for a reply:
  // message text, which nobody sends before the server has asked for it, and the octets of a chunk.
  bool takes_without_reply(uint32_t octets) const {
    return state_ == State::kText || (state_ == State::kChunk && octets <= chunk_remaining_);
  }
  // The client has said something before the server's greeting that was not given to
  // client_bytes().
  void note_early_talker() { note(static_cast<uint32_t>(Anomaly::kEarlyTalker)); }
  // Octets of a message have been taken whose end has not.
  bool message_under_way() const { return message_under_way_; }
  bool opaque() const;
  bool in_message() const;             // message octets are next: between DATA's 354 and the end of
                                       // data, or within a chunk
  std::string_view helo() const;       // argument of the last HELO/EHLO, cut at 64 characters
  std::string_view auth_user() const;  // RFC 4954, once the server said 235
  const AuthUser& auth() const { return auth_user_; }
  const Conduct& conduct() const { return conduct_; }
  uint32_t messages() const;   // ends of data seen on this connection
  uint32_t anomalies() const;  // bits of smtp::Anomaly, of the whole connection
  uint8_t extensions() const;  // bits of smtp::Extension, from the last EHLO reply

 private:
  // What the server's next reply may answer.
  enum class Awaited : uint8_t {
    kGreeting,
    kEhlo,
    kHelo,
    kMail,
    kNestedMail,  // MAIL within a transaction: servers refuse it, or start anew
    kRcpt,
    kData,
    kChunk,       // a BDAT that is not the last
    kMessageEnd,  // the end of data, or BDAT LAST
    kReset,       // RSET or QUIT that ended a transaction
    kAuth,
    kStartTls,
    kXclient,
    kUnknown,
    kOther,
  };
  // What the client's next byte is.
  enum class State : uint8_t {
    kCommand,
    kAuthResponse,  // a line that answers 334
    kWaiting,       // not known before the reply to the last command
    kDataAccepted,  // the server said 354 to a verb that we do not know
    kText,          // message text behind DATA
    kChunk,         // message octets behind BDAT
    kSkippedChunk,  // octets of a chunk that the server refused before it was complete
    kRefused,
    kOpaque,
    kDisagreement,  // nothing may pass any more
  };
  enum class Refused : uint8_t { kText, kChunk, kLine };
  static constexpr size_t kQueueSlots = 256;  // of four bits

  ClientStep take_some(std::span<const uint8_t> bytes);
  // session_lines.cc: command lines.
  ClientStep take_line(std::span<const uint8_t> bytes);
  ClientStep keep_partial_line(std::span<const uint8_t> bytes);
  std::string_view join_line(std::span<const uint8_t> bytes, bool* cut);
  void forget_line(Transaction* holder);
  static void wipe_line(Transaction& transaction);
  Step obey(const Command& command, bool cut);
  Step obey_mail(std::string_view argument);
  Step obey_nested_mail(std::string_view address);
  Step obey_rcpt(std::string_view argument);
  Step obey_data();
  Step obey_chunk(Chunk chunk);
  Step obey_reset();
  Step await_reply(Awaited awaited);
  Step refuse_line(LineFault fault);
  bool too_long(size_t octets, std::string_view beginning) const;
  bool envelope_allowed(EnvelopeStep step, std::string_view address);
  // session.cc: message octets and the commit point.
  ClientStep take_text(std::span<const uint8_t> bytes);
  ClientStep take_chunk(std::span<const uint8_t> bytes);
  void deliver(std::span<const uint8_t> octets);
  void deliver_chunk(std::span<const uint8_t> octets);
  bool begin_message();
  void enter_text();
  Step commit(Refused if_refused);
  Step refuse(Refused what);
  // session_replies.cc: replies and the life of transactions.
  void take_reply(uint16_t code);
  void answer(Awaited awaited, uint16_t code);
  void answer_message_end(uint16_t code);
  bool accepted_unseen(uint16_t code);
  void disagree();
  void answer_nested_mail(uint16_t code);
  void give_up_former();
  void answer_data(uint16_t code);
  void answer_chunk(uint16_t code);
  void answer_hello(uint16_t code, uint8_t extensions);
  void answer_xclient(uint16_t code);
  void settle();
  Transaction* answered_transaction() { return pending_ ? pending_ : transaction_; }
  Transaction* take_transaction();
  bool open_transaction();
  void abandon_message();
  void report(Transaction* transaction);
  void finish_current();
  void finish_pending();
  void give_if_idle();
  void note(uint32_t anomalies);

  Awaited awaited_at(uint32_t place) const {
    return static_cast<Awaited>(queue_[place % kQueueSlots / 2] >> 4 * (place & 1) & 15);
  }
  void push(Awaited awaited);
  Awaited pop();
  Awaited last_awaited() const { return awaited_at(queue_head_ + queue_count_ - 1u); }

  SessionHandler* handler_ = nullptr;
  const Limits* limits_ = nullptr;
  Transaction* transaction_ = nullptr;  // the one that the client's commands belong to, or which
                                        // merely holds a partial line
  Transaction* pending_ = nullptr;      // ended by the client, its end not answered yet
  uint32_t chunk_remaining_ = 0;
  uint32_t messages_ = 0;
  uint32_t anomalies_ = 0;
  uint32_t unattributed_anomalies_ = 0;  // for the next transaction
  uint16_t line_octets_ = 0;             // of the partial line, kept or not
  uint16_t queue_head_ = 0;
  uint16_t queue_count_ = 0;
  State state_ = State::kCommand;
  bool chunk_last_ = false;
  bool greeted_ = false;
  bool message_under_way_ = false;  // transaction_'s, begun and neither ended nor abandoned
  bool end_answered_ = false;       // passive: before the end of transaction_'s message was seen
  bool line_cut_ = false;           // the partial line did not fit
  bool line_ends_in_cr_ = false;    // the partial line, so far
  bool mask_starttls_ = false;
  bool rewrote_ = false;
  Refused refused_ = Refused::kText;  // kRefused: what
  uint8_t extensions_ = 0;
  uint8_t helo_length_ = 0;
  std::array<char, 64> helo_{};
  AuthUser auth_user_;
  MessageText text_;
  ReplyReader replies_;
  StartTlsMask mask_;
  Conduct conduct_;
  std::array<uint8_t, kQueueSlots / 2> queue_{};
};
static_assert(sizeof(Session) <= 512, "a million idle connections have one each");

}  // namespace postern::smtp
