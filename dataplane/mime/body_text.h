// The texts of a message's text parts: body, hidden, rawbody and the URIs in them.
//
// Theory of operation. Decoded octets of a part go in. For rawbody they are cut at line ends. For
// body they become text (see part_text.h), and the text paragraphs, which go on over the limits of
// parts. What HTML hides, and what it holds beside its text (comments, descriptions of pictures),
// are texts of their own. Each paragraph is searched for URIs, and folded when skeletons are
// wanted.
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/mime/ascii.h"
#include "dataplane/mime/fixed_text.h"
#include "dataplane/mime/paragraphs.h"
#include "dataplane/mime/part_text.h"
#include "dataplane/mime/render.h"
#include "dataplane/mime/skeleton.h"
#include "dataplane/mime/uri_finder.h"
#include "dataplane/mime/uri_link.h"

namespace postern::mime {

class BodyText final : private PartTextSink {
 public:
  static constexpr size_t kRawPieceBytes = 2048;

  struct Rendering {
    bool raw = false;   // rawbody
    bool body = false;  // body, hidden, uri
    bool html = false;
  };

  explicit BodyText(ConverterCache* converters)
      : text_(converters, this),
        visible_(&visible_sink_),
        hidden_(&hidden_sink_),
        aside_(&aside_sink_) {}

  void begin(RenderSink* sink, bool unseen_in_body, Renderings wanted);
  void subject(std::string_view decoded) { visible_.heading(decoded); }
  // A leaf begins, whether or not it has text. False when its charset is not known.
  bool begin_part(Rendering rendering, std::string_view charset_label);
  void feed(std::string_view octets);
  void end_part();
  void finish();

 private:
  // Paragraphs to body() or hidden(), and the URIs in them to uri().
  struct Told final : ParagraphSink {
    void paragraph(std::string_view text) override;
    void uri(std::string_view uri);
    RenderSink* sink = nullptr;
    Skeleton* skeleton = nullptr;  // when wanted
    LinkReader* links = nullptr;   // null when they are not wanted
    bool link_uris = true;
    bool uris_wanted = true;
    bool hidden = false;
    UriFinder uris;
  };

  // What is hidden and not even text to SpamAssassin: its URIs are nobody's.
  struct Aside final : ParagraphSink {
    void paragraph(std::string_view text) override {
      if (!trim(text).empty()) sink->hidden(text);
    }
    RenderSink* sink = nullptr;
  };

  void part_octets(std::string_view octets) override;
  void part_octets_end() override;
  void plain_text(std::string_view utf8) override;
  void put_raw(std::string_view octets);
  void end_raw_piece();
  void html_text(std::string_view utf8, bool hidden) override;
  void html_text_end() override;
  void html_line_ends(int count) override;
  void html_blank() override;
  void html_aside(std::string_view utf8) override;
  void html_aside_end() override;
  void html_uri(std::string_view uri) override { visible_sink_.uri(uri); }

  bool unseen_in_body_ = false;
  bool asides_wanted_ = false;
  bool raw_wanted_ = true;
  TextObserver* observer_ = nullptr;
  Rendering rendering_;
  PartText text_;
  Skeleton skeleton_;
  LinkReader links_;
  Told visible_sink_;
  Told hidden_sink_;
  Aside aside_sink_;
  Paragraphs visible_;
  Paragraphs hidden_;
  Paragraphs aside_;
  FixedText<kRawPieceBytes> raw_;
  bool raw_carriage_return_ = false;
};

}  // namespace postern::mime
