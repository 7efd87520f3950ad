#include "dataplane/smtp/responder.h"

#include <algorithm>
#include <cstring>

#include "dataplane/smtp/command.h"

namespace postern::smtp {

void Responder::begin(Mode mode, const ReplyTexts* texts, CaseReference case_reference,
                      const IpAddress& client) {
  texts_ = texts;
  case_reference_ = case_reference;
  client_ = client;
  mode_ = mode;
  line_used_ = 0;
  commands_ = 0;
}

Responder::Answer Responder::open(std::span<char> out) {
  if (mode_ == Mode::kAfterRefusal) return {0, 0, false};
  const bool deferred = mode_ == Mode::kDeferred;
  const Reply reply = deferred ? Reply::kConnectDeferred : Reply::kGreeting;
  return {0, texts_->render(reply, case_reference_, client_, out).size(), deferred};
}

Responder::Answer Responder::client_bytes(std::span<const uint8_t> bytes, std::span<char> out) {
  Answer answer{0, 0, false};
  while (answer.consumed < bytes.size() && !answer.close) {
    const auto rest = bytes.subspan(answer.consumed);
    const auto* feed = static_cast<const uint8_t*>(std::memchr(rest.data(), '\n', rest.size()));
    // A line is read only when its answer fits.
    if (feed && out.size() - answer.written < kReplyLineBytes) break;
    const size_t length = feed ? static_cast<size_t>(feed - rest.data()) : rest.size();
    const size_t kept = std::min(length, line_.size() - line_used_);
    std::memcpy(line_.data() + line_used_, rest.data(), kept);
    line_used_ = static_cast<uint8_t>(line_used_ + kept);
    answer.consumed += length + (feed ? 1 : 0);
    if (!feed) break;
    const Reply reply = answer_line(&answer.close);
    line_used_ = 0;
    answer.written +=
        texts_->render(reply, case_reference_, client_, out.subspan(answer.written)).size();
  }
  return answer;
}

Reply Responder::answer_line(bool* close) {
  std::string_view line(line_.data(), line_used_);
  if (line.ends_with('\r')) line.remove_suffix(1);
  const Verb verb = parse_command(line).verb;
  if (verb == Verb::kQuit) {
    *close = true;
    return Reply::kBye;
  }
  if (mode_ != Mode::kBlocked || ++commands_ > kCommandsAllowed) {
    *close = true;
    return Reply::kClosing;
  }
  switch (verb) {
    case Verb::kEhlo:
    case Verb::kHelo:
      return Reply::kHello;
    case Verb::kMail:
    case Verb::kAuth:
      return Reply::kBlocked;
    case Verb::kRset:
    case Verb::kNoop:
      return Reply::kOk;
    case Verb::kVrfy:
      return Reply::kVerify;
    case Verb::kStartTls:
      return Reply::kNoTls;
    default:
      return Reply::kNoTransaction;
  }
}

}  // namespace postern::smtp
