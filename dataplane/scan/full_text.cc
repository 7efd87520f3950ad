#include "dataplane/scan/full_text.h"

#include <algorithm>
#include <cstring>

namespace postern::scan {

FullText::FullText() : window_(std::make_unique_for_overwrite<char[]>(kWindowBytes)) {}

void FullText::begin(Matcher* matcher) {
  matcher_ = matcher;
  used_ = context_ = 0;
  carriage_return_ = false;
}

void FullText::put(std::string_view text) {
  while (!text.empty()) {
    if (used_ == kWindowBytes) next_window();
    const size_t length = std::min<size_t>(text.size(), kWindowBytes - used_);
    std::memcpy(window_.get() + used_, text.data(), length);
    used_ += static_cast<uint32_t>(length);
    text.remove_prefix(length);
  }
}

void FullText::feed(std::span<const uint8_t> bytes) {
  if (matcher_ == nullptr) return;
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (!rest.empty()) {
    if (carriage_return_ && rest[0] != '\n') put("\r");
    const size_t end = rest.find('\r');
    carriage_return_ = end != rest.npos;
    put(rest.substr(0, end));
    if (!carriage_return_) break;
    rest.remove_prefix(end + 1);
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
  if (carriage_return_) put("\r");
  matcher_->match_window({window_.get(), used_}, context_ > 0 ? 1 : 0, context_, true);
}

}  // namespace postern::scan
