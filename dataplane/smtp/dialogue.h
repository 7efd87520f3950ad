// Plays a written conversation through a session, cut into segments at will. For tests, fuzzers and
// the benchmark.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/smtp/session.h"

namespace postern::smtp {

// One side says something. Nothing is added: line ends are written out.
struct Turn {
  enum class Speaker : uint8_t { kClient, kServer };
  Speaker speaker;
  std::string text;
};
inline Turn C(std::string_view text) { return {Turn::Speaker::kClient, std::string(text)}; }
inline Turn S(std::string_view text) { return {Turn::Speaker::kServer, std::string(text)}; }

inline std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\r') {
      out += "\\r";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\0') {
      out += "\\0";
    } else {
      out += c;
    }
  }
  return out;
}

inline std::string anomaly_list(uint32_t anomalies) {
  std::string out;
  for (size_t i = 0; i < kAnomalyNames.size(); ++i) {
    if (anomalies >> i & 1) out += (out.empty() ? "" : ",") + std::string(kAnomalyNames[i]);
  }
  return out;
}

// Writes down what it is told, one line a call; text is joined. Checks the order of calls as it
// goes and aborts when it is broken, so that a fuzzer notices.
class Recorder : public SessionHandler {
 public:
  std::string log;
  std::string refuse_containing = "SPAM";  // messages with this text are refused at their end
  bool refuse_dubious = false;
  std::string refuse_address;  // MAIL and RCPT with it in their address are refused; empty: none
  size_t transactions_allowed = 2;
  bool messages_allowed = true;

  ~Recorder() override { check(in_use_ == 0, "a transaction was not given back"); }

  Transaction* take_transaction() override {
    if (in_use_ == transactions_allowed) return nullptr;
    ++in_use_;
    if (!free_.empty()) {
      Transaction* transaction = free_.back();
      free_.pop_back();
      return transaction;
    }
    storage_.push_back(std::make_unique<Transaction>());
    return storage_.back().get();
  }
  void give_transaction(Transaction* transaction) override {
    check(transaction != nullptr && transaction != under_way_,
          "a transaction was given back too early");
    --in_use_;
    free_.push_back(transaction);
  }
  bool envelope_allowed(Session& session, Transaction& transaction, EnvelopeStep step,
                        std::string_view address) override {
    check(transaction.begun && transaction.has_mail_from >= (step == EnvelopeStep::kMail),
          "an envelope without its address");
    const bool mail = step == EnvelopeStep::kMail;
    if (refuse_address.empty() || address.find(refuse_address) == address.npos) return true;
    log += (mail ? "refused MAIL <" : "refused RCPT <") + std::string(address) + ">\n";
    session.refuse_with("550 5.7.1 not you\r\n");
    return false;
  }
  bool message_begin(const Session&, Transaction& transaction) override {
    check(under_way_ == nullptr, "a message began within a message");
    if (!messages_allowed) return false;
    under_way_ = &transaction;
    text_.clear();
    log += "begin\n";
    return true;
  }
  void message_bytes(Transaction& transaction, std::span<const uint8_t> bytes) override {
    check(under_way_ == &transaction, "message octets outside a message");
    check(!bytes.empty(), "no octets");
    text_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  bool message_end(Session& session, Transaction& transaction) override {
    check(under_way_ == &transaction, "the end of no message");
    check(transaction.message_bytes == text_.size(), "octets miscounted");
    under_way_ = nullptr;
    log += "end [" + printable(text_) + "]\n";
    if (refuse_containing.empty() || text_.find(refuse_containing) == std::string::npos)
      return true;
    session.refuse_with("554 5.7.1 no\r\n");
    return false;
  }
  bool dubious_message_end(Session& session, Transaction& transaction) override {
    check(under_way_ == &transaction, "the dubious end of no message");
    log += "dubious\n";
    if (!refuse_dubious) return true;
    under_way_ = nullptr;
    session.refuse_with("550 5.6.0 no\r\n");
    return false;
  }
  void message_abandoned(Session&, Transaction& transaction) override {
    check(under_way_ == &transaction, "no message was abandoned");
    under_way_ = nullptr;
    log += "abandoned " + describe(transaction) + "\n";
  }
  void transaction_over(Session&, Transaction& transaction) override {
    check(under_way_ != &transaction, "a transaction ended within its message");
    log += "over " + describe(transaction) + "\n";
  }
  size_t in_use() const { return in_use_; }

 private:
  static void check(bool holds, const char* otherwise) {
    if (holds) return;
    std::fprintf(stderr, "dialogue: %s\n", otherwise);
    std::abort();
  }
  static std::string describe(const Transaction& t) {
    std::string out = t.has_mail_from ? "<" + std::string(t.mail_from()) + ">" : "-";
    out += " " + std::to_string(t.mail_reply_code);
    for (uint32_t i = 0; i < t.recipients_stored; ++i)
      out += " <" + std::string(t.recipient(i)) + "> " + std::to_string(t.recipients[i].reply_code);
    out += " data " + std::to_string(t.data_reply_code) + " final " +
           std::to_string(t.final_reply_code);
    if (t.anomalies) out += " (" + anomaly_list(t.anomalies) + ")";
    return out;
  }

  std::vector<std::unique_ptr<Transaction>> storage_;
  std::vector<Transaction*> free_;
  size_t in_use_ = 0;
  Transaction* under_way_ = nullptr;
  std::string text_;
};

// A session, what its client has said but the session has not let pass, and what has passed.
class Dialogue {
 public:
  explicit Dialogue(Recorder* recorder, const Limits& limits = {}) : limits_(limits) {
    session.begin(recorder, &limits_);
  }
  ~Dialogue() { session.close(); }

  Session session;
  std::string passed;  // to the server
  std::string heard;   // by the client: what the server said, as it was forwarded
  std::string held;    // said by the client, not taken yet
  Step step = Step::kContinue;

  // The turn's text goes in as one piece after another, each `next_length()` long (at least 1).
  template <typename NextLength>
  void play(const Turn& turn, NextLength next_length) {
    std::string_view rest = turn.text;
    while (!rest.empty()) {
      const std::string_view piece = rest.substr(0, std::max<size_t>(1, next_length()));
      rest.remove_prefix(piece.size());
      if (turn.speaker == Turn::Speaker::kClient) {
        held += piece;
        offer();
      } else {
        if (session.opaque()) continue;
        std::string copy(piece);
        session.server_bytes({reinterpret_cast<uint8_t*>(copy.data()), copy.size()});
        if (session.rewrote() != (copy != piece)) std::abort();
        heard += copy;
        if (step != Step::kRefuse) offer();
      }
    }
  }
  void play(const Turn& turn) {
    play(turn, [] { return SIZE_MAX; });
  }
  void play(const std::vector<Turn>& turns) {
    for (const Turn& turn : turns) play(turn);
  }

 private:
  void offer() {
    if (step == Step::kRefuse || step == Step::kOpaque) return;
    // Its own allocation, so that a sanitizer sees a read past the end.
    const std::vector<uint8_t> bytes(held.begin(), held.end());
    const ClientStep taken = session.client_bytes(bytes);
    if (taken.consumed > bytes.size() ||
        (taken.step == Step::kContinue && taken.consumed != bytes.size()))
      std::abort();
    step = taken.step;
    passed += held.substr(0, taken.consumed);
    held.erase(0, taken.consumed);
  }

  Limits limits_;
};

}  // namespace postern::smtp
