#include "dataplane/scan/full_text.h"

#include <cstring>

namespace postern::scan {

FullText::FullText() : window_(std::make_unique_for_overwrite<char[]>(kWindowBytes)) {}

void FullText::begin(Matcher* matcher) {
  matcher_ = matcher;
  used_ = context_ = 0;
  carriage_return_ = false;
}

void FullText::put(char c) {
  if (used_ == kWindowBytes) next_window();
  window_[used_++] = c;
}

void FullText::feed(std::span<const uint8_t> bytes) {
  if (matcher_ == nullptr) return;
  for (const uint8_t byte : bytes) {
    if (carriage_return_ && byte != '\n') put('\r');
    carriage_return_ = byte == '\r';
    if (!carriage_return_) put(static_cast<char>(byte));
  }
}

// The last bytes stay as context. One of them is before the first place where a match may begin, so
// that "^" does not take the border for the start of the message.
void FullText::next_window() {
  matcher_->match_window({window_.get(), used_}, context_ > 0 ? 1 : 0, context_, false);
  context_ = kOverlapBytes;
  std::memmove(window_.get(), window_.get() + used_ - context_, context_);
  used_ = context_;
}

void FullText::finish() {
  if (matcher_ == nullptr) return;
  if (carriage_return_) put('\r');
  matcher_->match_window({window_.get(), used_}, context_ > 0 ? 1 : 0, context_, true);
}

}  // namespace postern::scan
