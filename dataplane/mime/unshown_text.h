// Text that no mail program shows as the message's: in parts that are not text, before and behind
// the parts, in another reading of a part that can be read in two ways. It goes to hidden().
//
// Theory of operation. The octets of one place at a time come in, in any pieces. Where it is not
// certain that they are text, the first kProbeBytes decide: octets with control characters are
// none, and then all the rest costs nothing; a byte order mark says UTF-16. What looks like HTML is
// read as that. Then as with every text (see part_text.h and paragraphs.h), but nothing is told of
// URIs, which are SpamAssassin's rendering.
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/mime/charset.h"
#include "dataplane/mime/fixed_text.h"
#include "dataplane/mime/paragraphs.h"
#include "dataplane/mime/part_text.h"
#include "dataplane/mime/render.h"

namespace postern::mime {

class UnshownText final : private PartTextSink, private ParagraphSink {
 public:
  static constexpr size_t kProbeBytes = 512;
  enum class Source : uint8_t { kText, kHtml, kUncertain };

  UnshownText() : text_(&converters_, this), paragraphs_(this) {}

  // Of a message.
  void begin(RenderSink* sink);
  // A text begins; one that is under way ends. `charset_label` as for PartText.
  void begin_text(Source source, std::string_view charset_label);
  void feed(std::string_view octets);
  void end_text();
  void finish();

  // A text is under way and may still be one.
  bool reading() const { return state_ != State::kNone; }
  // Octets still to come before it is decided whether this is text; 0: it is decided.
  size_t undecided_octets() const {
    return state_ == State::kProbing ? kProbeBytes - probe_.size() : 0;
  }

 private:
  enum class State : uint8_t { kNone, kProbing, kReading };

  void decide();
  void plain_text(std::string_view utf8) override { paragraphs_.text(utf8); }
  void html_text(std::string_view utf8, bool) override { paragraphs_.inline_text(utf8); }
  void html_text_end() override { paragraphs_.inline_text_end(); }
  void html_line_ends(int count) override;
  void html_blank() override { paragraphs_.blank(); }
  void html_uri(std::string_view) override {}
  void paragraph(std::string_view text) override;

  RenderSink* sink_ = nullptr;
  State state_ = State::kNone;
  Source source_ = Source::kText;
  FixedText<ConverterCache::kLabelBytes> label_;
  FixedText<kProbeBytes> probe_;
  // Not the reader's: two readings in one charset must not share a converter's state.
  ConverterCache converters_;
  PartText text_;
  Paragraphs paragraphs_;
};

// Whether octets, the beginning of something, are text: no control characters but white space and
// escape, or UTF-16 with its byte order mark.
bool looks_like_text(std::string_view beginning);
// Whether text begins with mark-up or has some that mail has.
bool looks_like_html(std::string_view beginning);

}  // namespace postern::mime
