#include "dataplane/mime/part_text.h"

#include <algorithm>

#include "dataplane/mime/ascii.h"

namespace postern::mime {

bool PartText::begin(Kind kind, std::string_view charset_label, bool asides,
                     TextObserver* observer) {
  kind_ = kind;
  observer_ = observer;
  block_.clear();
  carried_ = 0;
  if (kind == Kind::kOctets) return true;
  label_.assign(charset_label);
  charset_ = converters_->find(charset_label);
  reading_ = Reading::kUndecided;
  if (kind == Kind::kHtml) html_.begin(asides, observer);
  return charset_.known;
}

void PartText::feed(std::string_view octets) {
  while (!octets.empty()) {
    if (block_.empty() && octets.size() >= kBlockBytes) {
      const std::string_view block = octets.substr(0, kBlockBytes);
      sink_->part_octets(block);
      block_.assign(block.substr(take_block(block, false)));
      carried_ = block_.size();
      octets.remove_prefix(kBlockBytes);
      continue;
    }
    const size_t taken = std::min(octets.size(), carried_ + kBlockBytes - block_.size());
    block_.append(octets.substr(0, taken));
    octets.remove_prefix(taken);
    if (block_.size() == carried_ + kBlockBytes) {
      sink_->part_octets(block_.view().substr(carried_));
      block_.remove_prefix(take_block(block_.view(), false));
      carried_ = block_.size();
    }
  }
}

void PartText::finish() {
  sink_->part_octets(block_.view().substr(carried_));
  sink_->part_octets_end();
  take_block(block_.view(), true);
  if (kind_ == Kind::kHtml) html_.finish();
  if (kind_ == Kind::kPlain && observer_ != nullptr) observer_->plain_text_end();
}

// Returns how many octets were taken: all but the beginning of a character, or all when `last`.
size_t PartText::take_block(std::string_view block, bool last) {
  if (kind_ == Kind::kOctets) return block.size();
  if (reading_ != Reading::kAsLabelled) {
    if (charset_.ascii_compatible && ascii_prefix(block) == block.size()) {
      text(block);
      return block.size();
    }
    const bool labelled_utf8 = charset_.kind == Charset::Kind::kUtf8;
    const size_t whole = charset_.ascii_compatible ? utf8_prefix(block) : 0;
    const std::string_view rest = block.substr(whole);
    const bool cut = !last && rest.size() < 4 && is_utf8_beginning(rest);
    if (charset_.ascii_compatible && !labelled_utf8 && (rest.empty() || cut)) {
      reading_ = Reading::kAsUtf8;
      text(block.substr(0, whole));
      return whole;
    }
    read_as_labelled(block);
  }
  convert(block);
  if (last) {
    char utf8[TextDecoder::kMinRoom];
    while (const size_t made = decoder_.finish(utf8)) text({utf8, made});
  }
  return block.size();
}

void PartText::read_as_labelled(std::string_view block) {
  reading_ = Reading::kAsLabelled;
  const std::string_view label = label_.view();
  if (label == "utf-16" || label == "utf16" || label == "unicode" || label == "ucs-2") {
    // Without a byte order mark the order shows in where the zeros of ASCII are.
    const bool marked = block.starts_with("\xff\xfe") || block.starts_with("\xfe\xff");
    size_t zeros[2] = {0, 0};
    for (size_t i = 0; i < block.size(); ++i) zeros[i % 2] += block[i] == 0 ? 1 : 0;
    if (!marked) charset_ = converters_->find(zeros[1] > zeros[0] ? "utf-16le" : "utf-16be");
  }
  decoder_.begin(charset_);
}

void PartText::convert(std::string_view block) {
  if (charset_.kind == Charset::Kind::kUtf8 && decoder_.idle() &&
      utf8_prefix(block) == block.size()) {
    text(block);
    return;
  }
  char utf8[4096];
  while (!block.empty()) {
    const TextDecoder::Step step = decoder_.convert(block, utf8, sizeof utf8);
    text({utf8, step.made});
    block.remove_prefix(step.taken);
  }
}

void PartText::text(std::string_view utf8) {
  if (kind_ == Kind::kHtml) return html_.feed(utf8);
  if (observer_ != nullptr) observer_->plain_text(utf8);
  sink_->plain_text(utf8);
}

}  // namespace postern::mime
