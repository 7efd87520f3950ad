// The client's command lines.
#include <string.h>

#include <algorithm>

#include "dataplane/smtp/session.h"

namespace postern::smtp {
namespace {

constexpr uint32_t bit(Anomaly anomaly) { return static_cast<uint32_t>(anomaly); }

// What is wrong with a line (its end removed), apart from its length.
uint32_t line_anomalies(std::string_view line) {
  uint32_t anomalies = 0;
  if (line.find('\0') != std::string_view::npos) anomalies |= bit(Anomaly::kNulByte);
  if (line.find('\r') != std::string_view::npos)
    anomalies |= bit(Anomaly::kCommandBareCarriageReturn);
  return anomalies;
}

}  // namespace

void SessionHandler::line_refused(Session& session, LineFault fault) {
  session.refuse_with(fault == LineFault::kTooLong ? "554 5.5.2 Command line too long\r\n"
                                                   : "454 4.7.0 TLS not available\r\n");
}

// Reads one line, ended by LF: servers take a bare LF for a command's end too, and their reply
// tells what became of it.
ClientStep Session::take_line(std::span<const uint8_t> bytes) {
  const auto* feed = static_cast<const uint8_t*>(memchr(bytes.data(), '\n', bytes.size()));
  if (!feed) return keep_partial_line(bytes);
  const size_t octets = static_cast<size_t>(feed - bytes.data()) + 1;
  Transaction* holder = transaction_;
  const bool ended_by_crlf = octets > 1 ? feed[-1] == '\r' : line_ends_in_cr_;
  bool cut = false;
  std::string_view line = join_line(bytes.first(octets - 1), &cut);
  if (!cut && ended_by_crlf) line.remove_suffix(1);
  if (too_long(octets, line)) return {0, refuse_line(LineFault::kTooLong)};

  Step step = Step::kContinue;
  if (state_ == State::kAuthResponse) {
    if (!cut) auth_user_.continuation(line);
    state_ = State::kWaiting;
  } else if (queue_count_ >= std::min<size_t>(limits_->outstanding_commands, kQueueSlots)) {
    return {0, Step::kWait};
  } else {
    note(line_anomalies(line) | (ended_by_crlf ? 0 : bit(Anomaly::kCommandBareLineFeed)) |
         (cut ? bit(Anomaly::kLongCommandLine) : 0));
    const bool ahead = queue_count_ > (greeted_ ? 0u : 1u);
    step = obey(parse_command(line), cut);
    if (step == Step::kContinue) {
      conduct_.pipelined |= ahead;
      conduct_.dialect.note(line, ended_by_crlf);
    }
  }
  // Nothing of a line that may not pass yet is passed: it will be offered, and read, again.
  if (step != Step::kContinue) return {0, step};
  forget_line(holder);
  return {octets, Step::kContinue};
}

ClientStep Session::keep_partial_line(std::span<const uint8_t> bytes) {
  if (!transaction_) transaction_ = take_transaction();
  if (!transaction_) return {0, Step::kWait};
  const auto* beginning = transaction_->line_used > 0
                              ? reinterpret_cast<const char*>(transaction_->line.data())
                              : reinterpret_cast<const char*>(bytes.data());
  const size_t known = transaction_->line_used > 0 ? transaction_->line_used : bytes.size();
  if (too_long(bytes.size(), {beginning, known})) return {0, refuse_line(LineFault::kTooLong)};
  const size_t cap = std::min<size_t>(limits_->command_line, Transaction::kLineBytes);
  const size_t used = transaction_->line_used;
  const size_t kept = std::min(bytes.size(), cap - std::min(cap, used));
  memcpy(transaction_->line.data() + used, bytes.data(), kept);
  transaction_->line_used = static_cast<uint16_t>(used + kept);
  if (kept < bytes.size()) line_cut_ = true;
  line_ends_in_cr_ = bytes.back() == '\r';
  // It stays below kAuthLine, unless nothing is refused.
  line_octets_ = static_cast<uint16_t>(std::min<size_t>(line_octets_ + bytes.size(), UINT16_MAX));
  return {bytes.size(), Step::kContinue};
}

// Whether a line that goes on with so many octets is longer than may pass.
bool Session::too_long(size_t octets, std::string_view beginning) const {
  if (limits_->passive || line_octets_ + octets <= limits_->command_line) return false;
  if (line_octets_ + octets > Limits::kAuthLine) return true;
  return state_ != State::kAuthResponse && parse_command(beginning).verb != Verb::kAuth;
}

// Nothing more of the line passes. What it belonged to is over: so the server never answers it.
Step Session::refuse_line(LineFault fault) {
  if (!transaction_) transaction_ = take_transaction();
  if (!transaction_) return Step::kWait;
  if (fault == LineFault::kTooLong) note(bit(Anomaly::kLongCommandLine));
  if (state_ == State::kAuthResponse) --queue_count_;
  abandon_message();
  wipe_line(*transaction_);
  handler_->line_refused(*this, fault);
  return refuse(Refused::kLine);
}

// The whole line whose last piece is `bytes`, without changing what is kept of it.
std::string_view Session::join_line(std::span<const uint8_t> bytes, bool* cut) {
  const size_t cap = std::min<size_t>(limits_->command_line, Transaction::kLineBytes);
  const size_t used = transaction_ ? transaction_->line_used : 0;
  const size_t kept = std::min(bytes.size(), cap - std::min(cap, used));
  *cut = line_cut_ || kept < bytes.size();
  if (used == 0) return {reinterpret_cast<const char*>(bytes.data()), kept};
  memcpy(transaction_->line.data() + used, bytes.data(), kept);
  return {reinterpret_cast<const char*>(transaction_->line.data()), used + kept};
}

// The line kept by `holder` has been dealt with. It may have held a password.
void Session::forget_line(Transaction* holder) {
  line_cut_ = false;
  line_ends_in_cr_ = false;
  line_octets_ = 0;
  if (holder && holder->line_used > 0) wipe_line(*holder);
  give_if_idle();
}

void Session::wipe_line(Transaction& transaction) {
  explicit_bzero(transaction.line.data(), transaction.line.size());
  transaction.line_used = 0;
}

// kContinue: the line may pass. kWait: not yet. kRefuse: never.
Step Session::obey(const Command& command, bool cut) {
  switch (command.verb) {
    case Verb::kEhlo:
    case Verb::kHelo: {
      const std::string_view name = command.argument.substr(0, helo_.size());
      std::copy_n(name.data(), name.size(), helo_.data());
      helo_length_ = static_cast<uint8_t>(name.size());
      return await_reply(command.verb == Verb::kEhlo ? Awaited::kEhlo : Awaited::kHelo);
    }
    case Verb::kMail:
      return obey_mail(command.argument);
    case Verb::kRcpt:
      return obey_rcpt(command.argument);
    case Verb::kData:
      return obey_data();
    case Verb::kBdat: {
      const bool announced = extensions_ & static_cast<uint8_t>(Extension::kChunking);
      const auto chunk = announced && !cut ? parse_chunk(command.argument) : std::nullopt;
      if (chunk) return obey_chunk(*chunk);
      break;
    }
    case Verb::kRset:
    case Verb::kQuit:
      return obey_reset();
    case Verb::kAuth:
      auth_user_.begin(command.argument);
      return await_reply(Awaited::kAuth);
    case Verb::kXclient:
      return await_reply(Awaited::kXclient);
    case Verb::kStartTls:
      if (mask_starttls_ && !limits_->passive) return refuse_line(LineFault::kHiddenStartTls);
      return await_reply(Awaited::kStartTls);
    case Verb::kEmpty:
    case Verb::kNoop:
    case Verb::kVrfy:
    case Verb::kOther:
      push(Awaited::kOther);
      return Step::kContinue;
    case Verb::kUnknown:
      break;
  }
  note(bit(Anomaly::kUnknownVerb));
  return await_reply(Awaited::kUnknown);
}

// The command passes; what follows it means nothing until it is answered.
Step Session::await_reply(Awaited awaited) {
  push(awaited);
  state_ = State::kWaiting;
  return Step::kContinue;
}

// A refused line never passes whole, so the server owes no reply to it.
bool Session::envelope_allowed(EnvelopeStep step, std::string_view address) {
  return handler_->envelope_allowed(*this, *transaction_, step, address);
}

Step Session::obey_mail(std::string_view argument) {
  const std::string_view address = envelope_address(argument, "FROM:");
  if (transaction_ && transaction_->begun) return obey_nested_mail(address);
  if (!open_transaction()) return Step::kWait;
  transaction_->add_mail_from(address);
  if (!envelope_allowed(EnvelopeStep::kMail, address)) return refuse(Refused::kLine);
  if (address.empty()) ++conduct_.null_senders;
  push(Awaited::kMail);
  return Step::kContinue;
}

// Within a transaction. Whether there really is one is known when all is answered.
Step Session::obey_nested_mail(std::string_view address) {
  if (queue_count_ > 0) return Step::kWait;
  Transaction* fresh = take_transaction();
  if (!fresh) return Step::kWait;
  pending_ = transaction_;
  transaction_ = fresh;
  transaction_->begun = true;
  transaction_->anomalies = unattributed_anomalies_;
  unattributed_anomalies_ = 0;
  transaction_->add_mail_from(address);
  if (!envelope_allowed(EnvelopeStep::kMail, address)) {
    give_up_former();
    return refuse(Refused::kLine);
  }
  if (address.empty()) ++conduct_.null_senders;
  return await_reply(Awaited::kNestedMail);
}

Step Session::obey_rcpt(std::string_view argument) {
  if (!open_transaction()) return Step::kWait;
  transaction_->reported = false;
  const std::string_view address = envelope_address(argument, "TO:");
  transaction_->add_recipient(address);
  ++conduct_.recipients_count;
  if (!envelope_allowed(EnvelopeStep::kRcpt, address)) {
    abandon_message();  // of which chunks have come, and this command between them
    return refuse(Refused::kLine);
  }
  push(Awaited::kRcpt);
  return Step::kContinue;
}

Step Session::obey_data() {
  // Within a BDAT message it is an error (RFC 3030 3), and that message goes on.
  const bool chunked = message_under_way_;
  if (!begin_message()) return Step::kWait;
  transaction_->chunked = chunked;
  return await_reply(Awaited::kData);
}

Step Session::obey_chunk(Chunk chunk) {
  const bool first = !message_under_way_;
  if (!begin_message()) return Step::kWait;
  if (first) text_.begin();
  transaction_->chunked = conduct_.chunked = true;
  if (chunk.octets == 0 && chunk.last) {
    // The command line itself is the end.
    if (pending_) return Step::kWait;
    const Step step = commit(Refused::kLine);
    if (step == Step::kContinue) push(Awaited::kMessageEnd);
    return step;
  }
  push(chunk.last ? Awaited::kMessageEnd : Awaited::kChunk);
  if (chunk.octets > 0) {
    chunk_remaining_ = chunk.octets;
    chunk_last_ = chunk.last;
    state_ = State::kChunk;
  }
  return Step::kContinue;
}

// RSET, and QUIT: the transaction is over once it is answered.
Step Session::obey_reset() {
  if (!transaction_ || !transaction_->begun) {
    push(Awaited::kOther);
    return Step::kContinue;
  }
  if (pending_) return Step::kWait;
  abandon_message();
  pending_ = transaction_;
  transaction_ = nullptr;
  push(Awaited::kReset);
  return Step::kContinue;
}

}  // namespace postern::smtp
