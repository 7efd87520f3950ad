#include "dataplane/mime/body_text.h"

#include <algorithm>

#include "dataplane/mime/ascii.h"

namespace postern::mime {

void BodyText::Told::paragraph(std::string_view text) {
  hidden ? sink->hidden(text) : sink->body(text);
  uris.begin(text);
  for (std::string_view uri = uris.next(); !uri.empty(); uri = uris.next()) this->uri(uri);
}

void BodyText::Told::uri(std::string_view uri) {
  sink->uri(uri);
  if (links != nullptr) links->read(uri, sink);
}

void BodyText::begin(RenderSink* sink, bool unseen_in_body, Renderings wanted) {
  unseen_in_body_ = unseen_in_body;
  visible_sink_.sink = hidden_sink_.sink = sink;
  visible_sink_.links = hidden_sink_.links = wanted.links ? &links_ : nullptr;
  hidden_sink_.hidden = true;
  visible_.begin(unseen_in_body);
  hidden_.begin(unseen_in_body);
}

bool BodyText::begin_part(Rendering rendering, std::string_view charset_label) {
  rendering_ = rendering;
  visible_.part_limit();
  hidden_.part_limit();
  raw_.clear();
  raw_carriage_return_ = false;
  block_.clear();
  carried_ = 0;
  if (!rendering.body) return true;
  label_.assign(charset_label);
  charset_ = converters_->find(charset_label);
  reading_ = Reading::kUndecided;
  if (rendering.html) html_.begin();
  return charset_.known;
}

void BodyText::feed(std::string_view octets) {
  if (!rendering_.raw && !rendering_.body) return;
  while (!octets.empty()) {
    if (block_.empty() && octets.size() >= kBlockBytes) {
      const std::string_view block = octets.substr(0, kBlockBytes);
      feed_raw(block);
      block_.assign(block.substr(take_block(block, false)));
      carried_ = block_.size();
      octets.remove_prefix(kBlockBytes);
      continue;
    }
    const size_t taken = std::min(octets.size(), carried_ + kBlockBytes - block_.size());
    block_.append(octets.substr(0, taken));
    octets.remove_prefix(taken);
    if (block_.size() == carried_ + kBlockBytes) {
      feed_raw(block_.view().substr(carried_));
      block_.remove_prefix(take_block(block_.view(), false));
      carried_ = block_.size();
    }
  }
}

void BodyText::end_part() {
  if (!rendering_.raw && !rendering_.body) return;
  feed_raw(block_.view().substr(carried_));
  if (raw_carriage_return_) put_raw("\r");
  end_raw_piece();
  take_block(block_.view(), true);
  if (rendering_.body && rendering_.html) html_.finish();
  rendering_ = {};
}

void BodyText::finish() {
  visible_.finish();
  hidden_.finish();
}

// --- rawbody ---

void BodyText::end_raw_piece() {
  if (!raw_.empty()) visible_sink_.sink->rawbody(raw_.view());
  raw_.clear();
}

void BodyText::put_raw(std::string_view octets) {
  while (!octets.empty()) {
    const size_t taken = std::min(octets.size(), kRawPieceBytes - raw_.size());
    raw_.append(octets.substr(0, taken));
    octets.remove_prefix(taken);
    if (raw_.full()) end_raw_piece();
  }
}

void BodyText::feed_raw(std::string_view octets) {
  if (!rendering_.raw) return;
  while (!octets.empty()) {
    const size_t line_feed = octets.find('\n');
    std::string_view line = octets.substr(0, line_feed);
    if (raw_carriage_return_) {
      raw_carriage_return_ = false;
      if (line_feed != 0) put_raw("\r");
    }
    const bool carriage_return = line.ends_with('\r');
    if (carriage_return) line.remove_suffix(1);
    if (line_feed == octets.npos) {
      put_raw(line);
      raw_carriage_return_ = carriage_return;
      return;
    }
    if (raw_.empty() && !carriage_return && line.size() < kRawPieceBytes) {
      visible_sink_.sink->rawbody(octets.substr(0, line_feed + 1));
    } else {
      put_raw(line);
      put_raw("\n");
      end_raw_piece();
    }
    octets.remove_prefix(line_feed + 1);
  }
}

// --- body ---

// Returns how many octets were taken: all but the beginning of a character, or all when `last`.
size_t BodyText::take_block(std::string_view block, bool last) {
  if (!rendering_.body) return block.size();
  if (reading_ != Reading::kAsLabelled) {
    const bool labelled_utf8 = charset_.kind == Charset::Kind::kUtf8;
    const size_t whole = charset_.ascii_compatible ? utf8_prefix(block) : 0;
    const std::string_view rest = block.substr(whole);
    if (rest.empty() && reading_ == Reading::kUndecided && ascii_prefix(block) == block.size() &&
        charset_.ascii_compatible) {
      text(block);
      return block.size();
    }
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

void BodyText::read_as_labelled(std::string_view block) {
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

void BodyText::convert(std::string_view block) {
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

void BodyText::text(std::string_view utf8) {
  rendering_.html ? html_.feed(utf8) : visible_.text(utf8);
}

void BodyText::html_text(std::string_view utf8, bool hidden) {
  (hidden && !unseen_in_body_ ? hidden_ : visible_).inline_text(utf8);
}

void BodyText::html_text_end() {
  visible_.inline_text_end();
  hidden_.inline_text_end();
}

void BodyText::html_line_ends(int count) {
  for (; count > 0; --count) {
    visible_.line_end();
    if (hidden_.started()) hidden_.line_end();
  }
}

void BodyText::html_blank() {
  visible_.blank();
  if (hidden_.started()) hidden_.blank();
}

}  // namespace postern::mime
