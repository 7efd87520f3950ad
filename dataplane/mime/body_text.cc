#include "dataplane/mime/body_text.h"

#include <algorithm>

namespace postern::mime {

void BodyText::Told::paragraph(std::string_view text) {
  hidden ? sink->hidden(text) : sink->body(text);
  if (skeleton != nullptr) sink->skeleton(skeleton->fold(text));
  if (!uris_wanted && links == nullptr) return;
  uris.begin(text);
  for (std::string_view uri = uris.next(); !uri.empty(); uri = uris.next()) this->uri(uri);
}

void BodyText::Told::uri(std::string_view uri) {
  if (uris_wanted) sink->uri(uri);
  if (links != nullptr) links->read(uri, sink, link_uris);
}

void BodyText::begin(RenderSink* sink, bool unseen_in_body, Renderings wanted) {
  unseen_in_body_ = unseen_in_body;
  asides_wanted_ = wanted.hidden;
  raw_wanted_ = wanted.raw;
  observer_ = wanted.facts ? sink->text_observer() : nullptr;
  visible_sink_.sink = hidden_sink_.sink = aside_sink_.sink = sink;
  visible_sink_.links = hidden_sink_.links = wanted.links ? &links_ : nullptr;
  visible_sink_.link_uris = hidden_sink_.link_uris = wanted.link_uris;
  visible_sink_.uris_wanted = hidden_sink_.uris_wanted = wanted.uris;
  hidden_sink_.hidden = true;
  visible_sink_.skeleton = wanted.skeleton ? &skeleton_ : nullptr;
  visible_.begin(unseen_in_body);
  hidden_.begin(unseen_in_body);
  aside_.begin(false);
}

bool BodyText::begin_part(Rendering rendering, std::string_view charset_label) {
  rendering_ = rendering;
  visible_.part_limit();
  hidden_.part_limit();
  aside_.part_limit();
  raw_.clear();
  raw_carriage_return_ = false;
  const PartText::Kind kind = !rendering.body  ? PartText::Kind::kOctets
                              : rendering.html ? PartText::Kind::kHtml
                                               : PartText::Kind::kPlain;
  return text_.begin(kind, charset_label, asides_wanted_, observer_);
}

void BodyText::feed(std::string_view octets) {
  if (rendering_.raw || rendering_.body) text_.feed(octets);
}

void BodyText::end_part() {
  if (!rendering_.raw && !rendering_.body) return;
  text_.finish();
  rendering_ = {};
}

void BodyText::finish() {
  visible_.finish();
  hidden_.finish();
  aside_.finish();
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

void BodyText::part_octets_end() {
  if (raw_carriage_return_) put_raw("\r");
  end_raw_piece();
}

void BodyText::part_octets(std::string_view octets) {
  if (!rendering_.raw || !raw_wanted_) return;
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

void BodyText::plain_text(std::string_view utf8) { visible_.text(utf8); }

void BodyText::html_text(std::string_view utf8, bool hidden) {
  (hidden && !unseen_in_body_ ? hidden_ : visible_).inline_text(utf8);
}

void BodyText::html_text_end() {
  visible_.inline_text_end();
  hidden_.inline_text_end();
}

void BodyText::html_aside(std::string_view utf8) { aside_.inline_text(utf8); }

void BodyText::html_aside_end() {
  aside_.inline_text_end();
  aside_.line_end();
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
