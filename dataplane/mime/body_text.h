// The texts of a message's text parts: body, hidden, rawbody and the URIs in them.
//
// Theory of operation. Decoded octets of a part go in. For rawbody they are cut at line ends. For
// body they pass in blocks of kBlockBytes, counted from the part's beginning so that nothing
// depends on how they arrived; the first block with octets above 0x7f decides whether the text is
// the UTF-8 that it looks like or in the charset of its label (SpamAssassin decides this way on the
// whole part). The text then goes through the HTML reader or not, and becomes paragraphs, which go
// on over the limits of parts.
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/mime/charset.h"
#include "dataplane/mime/fixed_text.h"
#include "dataplane/mime/html_text.h"
#include "dataplane/mime/paragraphs.h"
#include "dataplane/mime/render.h"
#include "dataplane/mime/uri_finder.h"
#include "dataplane/mime/uri_link.h"

namespace postern::mime {

class BodyText final : private HtmlSink {
 public:
  static constexpr size_t kBlockBytes = 4096;
  static constexpr size_t kRawPieceBytes = 2048;

  struct Rendering {
    bool raw = false;   // rawbody
    bool body = false;  // body, hidden, uri
    bool html = false;
  };

  explicit BodyText(ConverterCache* converters)
      : converters_(converters), html_(this), visible_(&visible_sink_), hidden_(&hidden_sink_) {}

  void begin(RenderSink* sink, bool unseen_in_body, Renderings wanted);
  void subject(std::string_view decoded) { visible_.heading(decoded); }
  // A leaf begins, whether or not it has text. False when its charset is not known.
  bool begin_part(Rendering rendering, std::string_view charset_label);
  void feed(std::string_view octets);
  void end_part();
  void finish();

 private:
  enum class Reading : uint8_t { kUndecided, kAsUtf8, kAsLabelled };

  // Paragraphs to body() or hidden(), and the URIs in them to uri().
  struct Told final : ParagraphSink {
    void paragraph(std::string_view text) override;
    void uri(std::string_view uri);
    RenderSink* sink = nullptr;
    LinkReader* links = nullptr;  // null when they are not wanted
    bool hidden = false;
    UriFinder uris;
  };

  void feed_raw(std::string_view octets);
  void put_raw(std::string_view octets);
  void end_raw_piece();
  size_t take_block(std::string_view block, bool last);
  void read_as_labelled(std::string_view block);
  void convert(std::string_view block);
  void text(std::string_view utf8);

  void html_text(std::string_view utf8, bool hidden) override;
  void html_text_end() override;
  void html_line_ends(int count) override;
  void html_blank() override;
  void html_uri(std::string_view uri) override { visible_sink_.uri(uri); }

  ConverterCache* converters_;
  bool unseen_in_body_ = false;
  Rendering rendering_;
  Reading reading_ = Reading::kUndecided;
  FixedText<ConverterCache::kLabelBytes> label_;
  Charset charset_;
  TextDecoder decoder_;
  HtmlText html_;
  LinkReader links_;
  Told visible_sink_;
  Told hidden_sink_;
  Paragraphs visible_;
  Paragraphs hidden_;
  FixedText<kBlockBytes + 4> block_;
  size_t carried_ =
      0;  // octets at the beginning of block_ that an earlier block left: a cut character
  FixedText<kRawPieceBytes> raw_;
  bool raw_carriage_return_ = false;
};

}  // namespace postern::mime
