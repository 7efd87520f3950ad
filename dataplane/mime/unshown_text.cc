#include "dataplane/mime/unshown_text.h"

#include <algorithm>

#include "dataplane/mime/ascii.h"

namespace postern::mime {
namespace {

bool has_byte_order_mark(std::string_view text) {
  return text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff");
}

bool is_control(char c) {
  const auto octet = static_cast<uint8_t>(c);
  return (octet < 0x20 && !is_space(c) && c != '\x1b') || octet == 0x7f;
}

}  // namespace

bool looks_like_text(std::string_view beginning) {
  return has_byte_order_mark(beginning) ||
         std::none_of(beginning.begin(), beginning.end(), is_control);
}

bool looks_like_html(std::string_view beginning) {
  for (size_t at = beginning.find('<'); at != beginning.npos; at = beginning.find('<', at + 1)) {
    const std::string_view tag = beginning.substr(at + 1, 10);
    for (std::string_view start :
         {"!doctype", "!--", "html", "head", "body", "title", "meta", "style", "div", "table", "p>",
          "br>", "br/", "a href", "font", "span", "b>", "center", "img "}) {
      if (starts_ignoring_case(tag, start)) return true;
    }
  }
  return false;
}

void UnshownText::begin(RenderSink* sink) {
  sink_ = sink;
  state_ = State::kNone;
  paragraphs_.begin(false);
}

void UnshownText::begin_text(Source source, std::string_view charset_label) {
  end_text();
  paragraphs_.part_limit();
  source_ = source;
  label_.assign(charset_label);
  probe_.clear();
  state_ = State::kProbing;
}

void UnshownText::feed(std::string_view octets) {
  if (state_ == State::kProbing) {
    const size_t taken = std::min(octets.size(), kProbeBytes - probe_.size());
    probe_.append(octets.substr(0, taken));
    octets.remove_prefix(taken);
    if (!probe_.full()) return;
    decide();
  }
  if (state_ == State::kReading) text_.feed(octets);
}

void UnshownText::decide() {
  const std::string_view beginning = probe_.view();
  if (source_ == Source::kUncertain && !looks_like_text(beginning)) {
    state_ = State::kNone;
    return;
  }
  state_ = State::kReading;
  std::string_view label = label_.view();
  if (source_ == Source::kUncertain && has_byte_order_mark(beginning)) label = "utf-16";
  const bool html = source_ == Source::kHtml || looks_like_html(beginning);
  text_.begin(html ? PartText::Kind::kHtml : PartText::Kind::kPlain, label, false);
  text_.feed(beginning);
}

void UnshownText::end_text() {
  if (state_ == State::kProbing) decide();
  if (state_ == State::kReading) text_.finish();
  state_ = State::kNone;
}

void UnshownText::finish() {
  end_text();
  paragraphs_.finish();
}

void UnshownText::html_line_ends(int count) {
  for (; count > 0; --count) paragraphs_.line_end();
}

// The line ends around parts and behind the last are no text.
void UnshownText::paragraph(std::string_view text) {
  if (!trim(text).empty()) sink_->hidden(text);
}

}  // namespace postern::mime
