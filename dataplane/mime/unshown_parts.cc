#include "dataplane/mime/unshown_parts.h"

namespace postern::mime {
namespace {

constexpr size_t kValueBytes = 2048;  // of a value told at a time
using Source = UnshownText::Source;

}  // namespace

void UnshownParts::begin(RenderSink* sink, bool wanted) {
  wanted_ = wanted;
  sink_ = sink;
  busy_ = false;
  inputs_.fill(Input::kNone);
  for (UnshownText& text : texts_) text.begin(sink);
  alternate_.begin();
}

void UnshownParts::finish() {
  if (!wanted_) return;
  alternate_.finish();
  for (UnshownText& text : texts_) text.finish();
}

void UnshownParts::value(std::string_view decoded) {
  while (wanted_ && !decoded.empty()) {
    size_t length = std::min(decoded.size(), kValueBytes);
    while (length < decoded.size() && (static_cast<uint8_t>(decoded[length]) & 0xc0) == 0x80) {
      --length;
    }
    sink_->hidden(decoded.substr(0, length));
    decoded.remove_prefix(length);
  }
}

void UnshownParts::multipart(MessageStream& stream, const ContentFields& content) {
  if (!wanted_ || alternate_.active()) return;
  if (!content.boundary().empty() && content.other_boundary().empty()) return;
  alternate_.start(content.other_boundary());
  stream.pass_on();
}

void UnshownParts::preamble(std::string_view text) {
  if (!wanted_) return;
  texts_[0].begin_text(Source::kText, {});
  texts_[0].feed(text);
  texts_[0].end_text();
}

void UnshownParts::epilogue_begin() {
  if (wanted_) texts_[0].begin_text(Source::kText, {});
}

void UnshownParts::epilogue(std::string_view octets) {
  if (wanted_) texts_[0].feed(octets);
}

// The index of a text that is free from now on for `input`; kTexts when none is.
size_t UnshownParts::take(Input input) {
  const size_t ours = alternate_.active() ? kTexts - 1 : kTexts;
  for (size_t i = 0; i < ours; ++i) {
    if (inputs_[i] != Input::kNone) continue;
    inputs_[i] = input;
    busy_ = true;
    return i;
  }
  return kTexts;
}

void UnshownParts::read_encoded(const ContentFields& content, TransferEncoding encoding,
                                bool html) {
  const size_t index = take(Input::kEncoded);
  if (index == kTexts) return;
  decoders_[index].begin(encoding);
  // Where the encoding that counts is none, this one is a guess.
  const bool sure = content.encoding() != TransferEncoding::kUnknown;
  texts_[index].begin_text(html   ? Source::kHtml
                           : sure ? Source::kText
                                  : Source::kUncertain,
                           content.charset());
}

void UnshownParts::leaf_begin(const ContentFields& content, BodyText::Rendering rendering) {
  if (!wanted_) return;
  busy_ = uncertain_ = false;
  inputs_.fill(Input::kNone);
  if (!rendering.body) {
    uncertain_ = true;
    texts_[take(Input::kDecoded)].begin_text(Source::kUncertain, content.charset());
  }
  const bool html = rendering.html || content.may_be_html();
  for (TransferEncoding encoding : {TransferEncoding::kBase64, TransferEncoding::kQuotedPrintable,
                                    TransferEncoding::kIdentity}) {
    if (content.may_be(encoding)) read_encoded(content, encoding, html);
  }
  if (content.encoding() == TransferEncoding::kUnknown) {
    // A name that says nothing may stand for either.
    const bool base64 = content.may_be(TransferEncoding::kBase64);
    const bool quoted_printable = content.may_be(TransferEncoding::kQuotedPrintable);
    if (!base64 && !quoted_printable && !content.names_inline_files()) {
      read_encoded(content, TransferEncoding::kBase64, false);
      read_encoded(content, TransferEncoding::kQuotedPrintable, false);
    }
  }
  if (html && !rendering.html && rendering.body) {
    const size_t index = take(Input::kDecoded);
    if (index != kTexts) texts_[index].begin_text(Source::kHtml, content.charset());
  }
  if (take(Input::kFiles) != kTexts) files_.begin();
}

void UnshownParts::encoded(std::string_view octets) {
  if (!busy_) return;
  for (size_t i = 0; i < kTexts; ++i) {
    if (inputs_[i] != Input::kEncoded || !texts_[i].reading()) continue;
    decoders_[i].decode(octets, [&](std::string_view decoded) { texts_[i].feed(decoded); });
  }
}

void UnshownParts::decoded(std::string_view octets) {
  if (!busy_) return;
  // Where the octets were cut must not tell in what is still fed when they turn out to be no text.
  const size_t undecided = uncertain_ ? texts_[0].undecided_octets() : 0;
  if (undecided > 0 && undecided < octets.size()) {
    decoded(octets.substr(0, undecided));
    octets.remove_prefix(undecided);
  }
  const bool may_hold_files = !uncertain_ || texts_[0].reading();
  for (size_t i = 0; i < kTexts; ++i) {
    if (inputs_[i] == Input::kDecoded) texts_[i].feed(octets);
    if (inputs_[i] == Input::kFiles && may_hold_files) files_.feed(octets);
  }
}

void UnshownParts::leaf_end(std::string_view file_name) {
  if (!wanted_) return;
  for (size_t i = 0; i < kTexts; ++i) {
    if (inputs_[i] == Input::kFiles) files_.finish();
    if (inputs_[i] == Input::kEncoded) {
      decoders_[i].finish([&](std::string_view decoded) { texts_[i].feed(decoded); });
    }
    if (inputs_[i] != Input::kNone) texts_[i].end_text();
    inputs_[i] = Input::kNone;
  }
  busy_ = false;
  value(file_name);
}

// --- files written into text ---

void UnshownParts::inline_file_begin() {
  for (size_t i = 0; i < kTexts; ++i) {
    if (inputs_[i] == Input::kFiles) texts_[i].begin_text(Source::kUncertain, {});
  }
}

void UnshownParts::inline_file_octets(std::string_view octets) {
  for (size_t i = 0; i < kTexts; ++i) {
    if (inputs_[i] == Input::kFiles) texts_[i].feed(octets);
  }
}

void UnshownParts::inline_file_end() {
  for (size_t i = 0; i < kTexts; ++i) {
    if (inputs_[i] == Input::kFiles) texts_[i].end_text();
  }
}

}  // namespace postern::mime
