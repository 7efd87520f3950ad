#include "dataplane/worker/testing/referee.h"

#include <fmt/format.h>

#include <algorithm>

namespace postern::worker::testing {

mime::RenderSink* Referee::message_begin(const smtp::Transaction& transaction) {
  messages_.emplace_back(&transaction, "");
  return nullptr;
}

void Referee::message_bytes(const smtp::Transaction& transaction, std::span<const uint8_t> bytes) {
  for (size_t i = messages_.size(); i > 0; --i) {
    if (messages_[i - 1].first != &transaction) continue;
    messages_[i - 1].second.append(bytes.begin(), bytes.end());
    return;
  }
}

void Referee::begin(const Counters& counters) {
  counters_ = &counters;
  messages_.clear();
  connection_ = 0;
  first_message_ = 0;
  compared_.fill(0);
  delivered_.fill(false);
}

std::string_view Referee::scanned() const {
  if (first_message_ >= messages_.size()) return {};
  return messages_[first_message_].second;
}

std::string Referee::judge(const MailHost& host) {
  if (host.connections() != connection_) {
    connection_ = host.connections();
    first_message_ = messages_.size();
    forwarded_before_ = counters_->get(Counter::kMessagesForwarded);
    compared_.fill(0);
    delivered_.fill(false);
  }
  if (host.text() == MailHost::Text::kNone) return {};
  for (size_t i = 0; i < host.receivers().size(); ++i) {
    const Receiver& receiver = host.receivers()[i];
    std::string wrong = judge(host, receiver, &compared_[i]);
    if (!wrong.empty()) {
      return fmt::format("receiver {} ({} copy wins): {}", i,
                         receiver.habits().last_copy_wins ? "last" : "first", wrong);
    }
    const auto message = host.delivered(receiver);
    if (!message || delivered_[i]) continue;
    delivered_[i] = true;
    ++messages_delivered_;
    if (message->find(kSpam) != std::string_view::npos) return "a spam message was delivered whole";
    if (counters_->get(Counter::kMessagesForwarded) == forwarded_before_) {
      return "a message was delivered whole that had not been let through";
    }
  }
  return {};
}

std::string Referee::judge(const MailHost& host, const Receiver& receiver, size_t* compared) {
  if (receiver.read().size() < host.text_at()) return {};
  const std::string_view read = std::string_view(receiver.read()).substr(host.text_at());
  const std::string_view known = scanned();
  const bool lines = host.text() == MailHost::Text::kLines;
  for (size_t& at = *compared; at < read.size(); ++at) {
    if (lines && (read[at] == '\r' || read[at] == '\n' || read[at] == '.')) return {};
    if (!lines && at >= host.chunk_size()) return {};
    if (at >= known.size()) return fmt::format("octet {} was read and never scanned", at);
    if (read[at] != known[at]) {
      return fmt::format("octet {} was read as {:#x} and scanned as {:#x}", at,
                         static_cast<unsigned char>(read[at]),
                         static_cast<unsigned char>(known[at]));
    }
    ++octets_compared_;
  }
  return {};
}

}  // namespace postern::worker::testing
