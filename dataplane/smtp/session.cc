#include "dataplane/smtp/session.h"

#include <algorithm>
#include <utility>

namespace postern::smtp {

void Session::begin(SessionHandler* handler, const Limits* limits) {
  *this = Session();
  handler_ = handler;
  limits_ = limits;
  push(Awaited::kGreeting);
}

ClientStep Session::client_bytes(std::span<const uint8_t> bytes) {
  if (!greeted_ && !bytes.empty()) note(static_cast<uint32_t>(Anomaly::kEarlyTalker));
  size_t consumed = 0;
  while (true) {
    if (state_ == State::kOpaque) return {consumed, Step::kOpaque};
    if (consumed == bytes.size()) return {consumed, Step::kContinue};
    const ClientStep step = take_some(bytes.subspan(consumed));
    consumed += step.consumed;
    if (step.step == Step::kRefuse) settle();
    if (step.step != Step::kContinue) return {consumed, step.step};
  }
}

// `bytes` is not empty. Consumes some of them, or says why not.
ClientStep Session::take_some(std::span<const uint8_t> bytes) {
  switch (state_) {
    case State::kCommand:
    case State::kAuthResponse:
      return take_line(bytes);
    case State::kWaiting:
      if (last_awaited() == Awaited::kStartTls)
        note(static_cast<uint32_t>(Anomaly::kCommandBytesAfterStartTls));
      return {0, Step::kWait};
    case State::kDataAccepted:
      if (!begin_message()) return {0, Step::kWait};
      transaction_->data_reply_code = 354;
      enter_text();
      return {0, Step::kContinue};
    case State::kText:
      return take_text(bytes);
    case State::kChunk:
      return take_chunk(bytes);
    case State::kSkippedChunk: {
      const size_t octets = std::min<size_t>(bytes.size(), chunk_remaining_);
      chunk_remaining_ -= static_cast<uint32_t>(octets);
      if (chunk_remaining_ == 0) state_ = State::kCommand;
      return {octets, Step::kContinue};
    }
    case State::kRefused:
      return {0, Step::kRefuse};
    case State::kOpaque:
      return {0, Step::kOpaque};
    case State::kDisagreement:
      break;
  }
  return {0, Step::kWait};
}

void Session::deliver(std::span<const uint8_t> octets) {
  if (octets.empty()) return;
  transaction_->message_bytes += octets.size();
  handler_->message_bytes(*transaction_, octets);
}

void Session::deliver_chunk(std::span<const uint8_t> octets) {
  deliver(octets);
  text_.note_chunk(octets);
  note(text_.anomalies());
}

// False: no memory for a message now.
bool Session::begin_message() {
  if (message_under_way_) return true;
  if (!open_transaction()) return false;
  if (!handler_->message_begin(*this, *transaction_)) return false;
  message_under_way_ = true;
  transaction_->message_bytes = 0;
  end_answered_ = false;
  transaction_->reported = false;
  return true;
}

void Session::enter_text() {
  text_.begin();
  state_ = State::kText;
}

ClientStep Session::take_text(std::span<const uint8_t> bytes) {
  size_t consumed = 0;
  while (consumed < bytes.size()) {
    const MessageText::Piece piece = text_.next(bytes.subspan(consumed));
    deliver(piece.text);
    consumed += piece.octets;
    if (piece.stop == MessageText::Stop::kText) continue;
    note(text_.anomalies());
    if (piece.stop == MessageText::Stop::kDubiousEnd) {
      if (!handler_->dubious_message_end(*this, *transaction_)) {
        return {consumed, refuse(Refused::kText)};
      }
      continue;
    }
    const Step step = commit(Refused::kText);
    if (step != Step::kContinue) return {consumed, step};
    if (std::exchange(end_answered_, false)) {
      finish_pending();
    } else {
      push(Awaited::kMessageEnd);
    }
    return {consumed + piece.terminator, Step::kContinue};
  }
  note(text_.anomalies());
  return {consumed, Step::kContinue};
}

ClientStep Session::take_chunk(std::span<const uint8_t> bytes) {
  const size_t octets = std::min<size_t>(bytes.size(), chunk_remaining_);
  const bool completes = octets == chunk_remaining_;
  if (completes && chunk_last_ && pending_) {
    // An earlier message is not answered yet, and there is room for one only: everything but the
    // last octet goes on.
    deliver_chunk(bytes.first(octets - 1));
    chunk_remaining_ = 1;
    return {octets - 1, Step::kWait};
  }
  deliver_chunk(bytes.first(octets));
  chunk_remaining_ -= static_cast<uint32_t>(octets);
  if (!completes) return {octets, Step::kContinue};
  if (chunk_last_) {
    const Step step = commit(Refused::kChunk);
    if (step != Step::kContinue) {
      // The server will never see the whole command: it owes no reply to it.
      if (!end_answered_) --queue_count_;
      return {octets - 1, step};
    }
    if (std::exchange(end_answered_, false)) finish_pending();
  }
  state_ = State::kCommand;
  return {octets, Step::kContinue};
}

// The end of data is next, and it may pass only if the handler says so. The caller queues the
// reply.
Step Session::commit(Refused if_refused) {
  ++messages_;
  if (!handler_->message_end(*this, *transaction_)) return refuse(if_refused);
  message_under_way_ = false;
  pending_ = transaction_;
  transaction_ = nullptr;
  state_ = State::kCommand;
  return Step::kContinue;
}

Step Session::refuse(Refused what) {
  message_under_way_ = false;
  refused_ = what;
  state_ = State::kRefused;
  return Step::kRefuse;
}

void Session::refuse_with(std::string_view reply_lines) {
  if (!transaction_) return;
  const size_t length = std::min(reply_lines.size(), transaction_->line.size());
  std::copy_n(reply_lines.data(), length, transaction_->line.data());
  transaction_->line_used = static_cast<uint16_t>(length);
}

std::string_view Session::refusal() const {
  if (state_ != State::kRefused || !transaction_) return {};
  return {reinterpret_cast<const char*>(transaction_->line.data()), transaction_->line_used};
}

size_t Session::refused_octets(std::span<const uint8_t> rest) const {
  const std::string_view text(reinterpret_cast<const char*>(rest.data()), rest.size());
  constexpr std::string_view kEnd = "\r\n.\r\n";
  switch (refused_) {
    case Refused::kText:
      for (size_t left = std::min(kEnd.size(), text.size()); left > 0; --left) {
        if (text.starts_with(kEnd.substr(kEnd.size() - left))) return left;
      }
      break;
    case Refused::kLine:
      return std::min(text.find('\n'), text.size() - 1) + 1;
    case Refused::kChunk:
      break;
  }
  return text.empty() ? 0 : 1;
}

uint32_t Session::replies_outstanding() const { return queue_count_; }
bool Session::opaque() const { return state_ == State::kOpaque; }
bool Session::in_message() const {
  return state_ == State::kText || state_ == State::kChunk || state_ == State::kDataAccepted;
}
std::string_view Session::helo() const { return {helo_.data(), helo_length_}; }
std::string_view Session::auth_user() const { return auth_user_.name(); }
uint32_t Session::messages() const { return messages_; }
uint32_t Session::anomalies() const { return anomalies_; }
uint8_t Session::extensions() const { return extensions_; }

}  // namespace postern::smtp
