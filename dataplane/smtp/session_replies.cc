// The server's replies, and what they make of transactions.
#include <utility>

#include "dataplane/smtp/session.h"

namespace postern::smtp {

bool Session::server_bytes(std::span<uint8_t> bytes) {
  std::span<uint8_t> rest = bytes;
  rewrote_ = false;
  while (!rest.empty() && state_ != State::kOpaque) {
    const ReplyReader::Progress progress = replies_.next(rest);
    if (may_rewrite() && awaited_at(queue_head_) == Awaited::kEhlo) {
      rewrote_ |= mask_.next(rest.first(progress.octets));
    }
    rest = rest.subspan(progress.octets);
    if (progress.complete) take_reply(replies_.code());
  }
  return state_ != State::kOpaque;
}

void Session::push(Awaited awaited) {
  const uint32_t place = (queue_head_ + queue_count_++) % kQueueSlots;
  uint8_t& pair = queue_[place / 2];
  const uint32_t shift = 4 * (place & 1);
  pair = static_cast<uint8_t>((pair & ~(15u << shift)) | static_cast<uint32_t>(awaited) << shift);
}

Session::Awaited Session::pop() {
  const Awaited awaited = awaited_at(queue_head_);
  queue_head_ = static_cast<uint16_t>((queue_head_ + 1) % kQueueSlots);
  --queue_count_;
  return awaited;
}

void Session::take_reply(uint16_t code) {
  // What is outstanding stays so: no reply makes a disagreement good.
  if (state_ == State::kDisagreement) return;
  if (queue_count_ == 0) {
    // Unasked for. A 421 or another complaint changes nothing until the server closes; but when it
    // accepts a message whose end we have not seen, it reads the connection otherwise than we do.
    if (state_ == State::kText && code < 300 && accepted_unseen(code)) end_answered_ = true;
    if (state_ != State::kText && code == 354) disagree();
    return;
  }
  const Awaited last = last_awaited();
  // 354 answers nothing but DATA: replies that a server owed to earlier lines will not come.
  if (code == 354 && last == Awaited::kData) {
    while (queue_count_ > 1) answer(pop(), 0);
  }
  const Awaited head = awaited_at(queue_head_);
  const bool unmeant = code == 354 && head != Awaited::kData && head != Awaited::kUnknown;
  if (unmeant && !limits_->passive && state_ != State::kRefused) return disagree();
  const bool challenge = code / 100 == 3 && code != 354;
  if (challenge && (head == Awaited::kAuth || head == Awaited::kUnknown)) {
    // The exchange goes on: its command stays unanswered (RFC 4954 4).
    state_ = State::kAuthResponse;
    return;
  }
  pop();
  answer(head, code);
  settle();
}

// `code` 0: the server passed the command over.
void Session::answer(Awaited awaited, uint16_t code) {
  Transaction* transaction = answered_transaction();
  switch (awaited) {
    case Awaited::kGreeting:
      greeted_ = true;
      break;
    case Awaited::kEhlo:
      answer_hello(code, replies_.extensions());
      break;
    case Awaited::kHelo:
      answer_hello(code, 0);
      break;
    case Awaited::kMail:
      if (transaction) transaction->mail_reply_code = code;
      break;
    case Awaited::kNestedMail:
      answer_nested_mail(code);
      break;
    case Awaited::kRcpt:
      if (transaction) transaction->answer_recipient(code);
      if (code >= 400) ++conduct_.recipients_rejected;
      break;
    case Awaited::kData:
      answer_data(code);
      break;
    case Awaited::kChunk:
      answer_chunk(code);
      break;
    case Awaited::kMessageEnd:
      answer_message_end(code);
      break;
    case Awaited::kReset:
      finish_pending();
      break;
    case Awaited::kAuth:
      auth_user_.end(code);
      state_ = State::kCommand;
      break;
    case Awaited::kStartTls:
      state_ = State::kCommand;
      if (code == 220) {
        finish_current();
        conduct_.tls_started = true;
        state_ = State::kOpaque;
      }
      break;
    case Awaited::kXclient:
      answer_xclient(code);
      break;
    case Awaited::kUnknown:
      state_ = code == 354 ? State::kDataAccepted : State::kCommand;
      break;
    case Awaited::kOther:
      break;
  }
}

// EHLO and HELO reset like RSET when they are accepted (RFC 5321 4.1.4).
void Session::answer_hello(uint16_t code, uint8_t extensions) {
  state_ = State::kCommand;
  if (code / 100 != 2) return;
  extensions_ = extensions;
  conduct_.tls_offered |= (extensions & static_cast<uint8_t>(Extension::kStartTls)) != 0;
  finish_current();
}

// Postfix, XCLIENT_README: 220 is the greeting of a session that begins anew, as another client's;
// what it is told of extensions and who it is comes with the next EHLO and AUTH.
void Session::answer_xclient(uint16_t code) {
  state_ = State::kCommand;
  if (code != 220) return;
  finish_current();
  extensions_ = 0;
  helo_length_ = 0;
  auth_user_.forget_login();
}

void Session::answer_nested_mail(uint16_t code) {
  state_ = State::kCommand;
  // message_under_way_ speaks of the older transaction until here.
  if (code / 100 != 2) {
    handler_->give_transaction(std::exchange(transaction_, std::exchange(pending_, nullptr)));
    return;
  }
  transaction_->mail_reply_code = code;
  give_up_former();
}

// The transaction in pending_, within which another one has begun, is over.
void Session::give_up_former() {
  Transaction* newer = std::exchange(transaction_, std::exchange(pending_, nullptr));
  abandon_message();
  report(transaction_);
  handler_->give_transaction(std::exchange(transaction_, newer));
}

void Session::answer_data(uint16_t code) {
  if (!transaction_->chunked) transaction_->data_reply_code = code;
  if (code / 100 == 3) {
    enter_text();
    return;
  }
  state_ = State::kCommand;
  if (!transaction_->chunked) abandon_message();
}

void Session::answer_chunk(uint16_t code) {
  Transaction* transaction = answered_transaction();
  // The first refusal is what counts: the rest of the message is refused with it (RFC 3030 3).
  if (transaction && transaction->data_reply_code < 400) transaction->data_reply_code = code;
  // A positive reply to a chunk before its last octet.
  if (queue_count_ == 0 && state_ == State::kChunk && code < 300) accepted_unseen(code);
}

// The server has accepted octets that we have not seen. True: the reply is kept for when they come.
bool Session::accepted_unseen(uint16_t code) {
  if (limits_->passive) {
    transaction_->final_reply_code = code;
    return true;
  }
  disagree();
  return false;
}

// The server reads the connection otherwise than we do.
void Session::disagree() {
  if (limits_->passive || state_ == State::kRefused) return;
  note(static_cast<uint32_t>(Anomaly::kReplyOutOfTurn));
  state_ = State::kDisagreement;
}

void Session::answer_message_end(uint16_t code) {
  if (pending_) {
    pending_->final_reply_code = code;
    finish_pending();
    return;
  }
  // BDAT LAST, answered before its last octet has passed.
  if (code < 300) {
    if (accepted_unseen(code)) end_answered_ = true;
    return;
  }
  transaction_->final_reply_code = code;
  finish_current();
  state_ = State::kSkippedChunk;
  // It did not take BDAT for a command, and so the chunk's octets for some.
  if (code == 500 || code == 502) disagree();
}

// After each reply: what is over now?
void Session::settle() {
  if (queue_count_ > 0 || !transaction_ || !transaction_->begun) return;
  if (state_ == State::kRefused) {
    report(transaction_);  // its memory holds the refusal until close()
  } else if (transaction_->mail_reply_code >= 400 && !message_under_way_) {
    finish_current();
  }
}

void Session::note(uint32_t anomalies) {
  anomalies_ |= anomalies;
  if (transaction_ && transaction_->begun) {
    transaction_->anomalies |= anomalies;
  } else {
    unattributed_anomalies_ |= anomalies;
  }
}

Transaction* Session::take_transaction() {
  Transaction* transaction = handler_->take_transaction();
  if (transaction) {
    transaction->clear_envelope();
    transaction->line_used = 0;
  }
  return transaction;
}

// transaction_ becomes one that has begun. False: no memory now.
bool Session::open_transaction() {
  if (!transaction_) transaction_ = take_transaction();
  if (!transaction_) return false;
  if (!transaction_->begun) {
    transaction_->begun = true;
    transaction_->anomalies = std::exchange(unattributed_anomalies_, 0);
  }
  return true;
}

void Session::abandon_message() {
  if (!message_under_way_) return;
  message_under_way_ = false;
  transaction_->reported = true;
  handler_->message_abandoned(*this, *transaction_);
}

void Session::report(Transaction* transaction) {
  if (std::exchange(transaction->reported, true)) return;
  handler_->transaction_over(*this, *transaction);
}

// The current transaction is over; what is kept of the next line stays.
void Session::finish_current() {
  if (!transaction_ || !transaction_->begun) return;
  abandon_message();
  report(transaction_);
  transaction_->clear_envelope();
  give_if_idle();
}

void Session::finish_pending() {
  if (!pending_) return;
  report(pending_);
  handler_->give_transaction(std::exchange(pending_, nullptr));
}

void Session::give_if_idle() {
  if (transaction_ && !transaction_->begun && transaction_->line_used == 0)
    handler_->give_transaction(std::exchange(transaction_, nullptr));
}

void Session::close() {
  // Before the reply to a MAIL within a transaction the message under way is the former's.
  if (queue_count_ > 0 && last_awaited() == Awaited::kNestedMail) give_up_former();
  finish_pending();
  if (transaction_) {
    abandon_message();
    if (transaction_->begun) report(transaction_);
    // The line that it holds a part of may be an answer to AUTH.
    if (transaction_->line_used > 0) wipe_line(*transaction_);
    handler_->give_transaction(std::exchange(transaction_, nullptr));
  }
  queue_count_ = 0;
  state_ = State::kOpaque;
}

}  // namespace postern::smtp
