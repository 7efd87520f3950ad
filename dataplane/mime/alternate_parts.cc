#include "dataplane/mime/alternate_parts.h"

#include <utility>

#include "dataplane/mime/ascii.h"

namespace postern::mime {

void AlternateParts::start(std::string_view boundary) {
  line_.clear();
  boundary_.assign(boundary);
  state_ = State::kGuessing;
  if (!boundary.empty()) open();
}

void AlternateParts::open() {
  state_ = State::kReading;
  opened_ = false;
  stream_.begin(0);
  stream_.feed("\n");
}

void AlternateParts::feed(std::string_view octets) {
  while (state_ == State::kGuessing && !octets.empty()) {
    const size_t line_feed = octets.find('\n');
    const size_t taken = line_feed == octets.npos ? octets.size() : line_feed + 1;
    line_.append(octets.substr(0, taken));
    octets.remove_prefix(taken);
    if (line_feed != octets.npos) take_line();
  }
  if (state_ == State::kReading) stream_.feed(octets);
}

// A whole line, or the beginning of a longer one: the first that begins with "--" and goes on is
// taken for the delimiter.
void AlternateParts::take_line() {
  const std::string_view line = trim(line_.view());
  if (line.starts_with("--") && line.size() > 2 && line.size() - 2 < boundary_.kCapacity) {
    boundary_.assign(line.substr(2));
    open();
    stream_.feed(line_.view());
  }
  line_.clear();
}

void AlternateParts::finish() {
  if (std::exchange(state_, State::kIdle) == State::kReading) stream_.finish();
}

void AlternateParts::field(MessageStream&, std::string_view name, std::string_view value) {
  content_.field(name, trim(value));
}

void AlternateParts::headers_end(MessageStream& stream) {
  if (!std::exchange(opened_, true)) {
    if (!stream.open_multipart(boundary_.view(), false)) stream.open_leaf();
    return;
  }
  const std::string_view type = content_.type();
  if (type.starts_with("multipart/") && !content_.boundary().empty() &&
      stream.open_multipart(content_.boundary(), type == "multipart/digest")) {
    return;
  }
  if (type == "message/rfc822" && content_.encoding() == TransferEncoding::kIdentity &&
      stream.open_message()) {
    return;
  }
  using Source = UnshownText::Source;
  const bool text = type.empty() || type.starts_with("text/");
  text_->begin_text(type == "text/html" ? Source::kHtml
                    : text              ? Source::kText
                                        : Source::kUncertain,
                    content_.charset());
  decoder_.begin(content_.encoding());
  stream.open_leaf();
}

void AlternateParts::octets(MessageStream&, std::string_view encoded) {
  if (!text_->reading()) return;
  decoder_.decode(encoded, [this](std::string_view decoded) { text_->feed(decoded); });
}

void AlternateParts::leaf_end(MessageStream&) {
  decoder_.finish([this](std::string_view decoded) { text_->feed(decoded); });
  text_->end_text();
}

}  // namespace postern::mime
