// The text of one part: its octets in some charset to UTF-8, its mark-up read.
//
// Theory of operation. Octets pass in blocks of kBlockBytes, counted from the part's beginning so
// that nothing depends on how they arrived; the first block with octets above 0x7f decides whether
// the text is the UTF-8 that it looks like or in the charset of its label (SpamAssassin decides
// this way on the whole part). The text then goes through the HTML reader or not.
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/mime/charset.h"
#include "dataplane/mime/fixed_text.h"
#include "dataplane/mime/html_text.h"

namespace postern::mime {

class PartTextSink : public HtmlSink {
 public:
  // The next octets of the part, before their text is told.
  virtual void part_octets(std::string_view octets) { static_cast<void>(octets); }
  virtual void part_octets_end() {}
  virtual void plain_text(std::string_view utf8) = 0;
};

class PartText {
 public:
  static constexpr size_t kBlockBytes = 4096;
  enum class Kind : uint8_t { kOctets, kPlain, kHtml };  // kOctets: only part_octets() is told

  PartText(ConverterCache* converters, PartTextSink* sink)
      : converters_(converters), sink_(sink), html_(sink) {}

  // False when the charset is not known. `asides`: HtmlSink::html_aside() is told. `observer`: or
  // null.
  bool begin(Kind kind, std::string_view charset_label, bool asides,
             TextObserver* observer = nullptr);
  void feed(std::string_view octets);
  void finish();

 private:
  enum class Reading : uint8_t { kUndecided, kAsUtf8, kAsLabelled };

  size_t take_block(std::string_view block, bool last);
  void read_as_labelled(std::string_view block);
  void convert(std::string_view block);
  void text(std::string_view utf8);

  ConverterCache* converters_;
  PartTextSink* sink_;
  TextObserver* observer_ = nullptr;
  Kind kind_ = Kind::kOctets;
  Reading reading_ = Reading::kUndecided;
  FixedText<ConverterCache::kLabelBytes> label_;
  Charset charset_;
  TextDecoder decoder_;
  HtmlText html_;
  FixedText<kBlockBytes + 4> block_;
  // Octets at the beginning of block_ that an earlier block left: a cut character.
  size_t carried_ = 0;
};

}  // namespace postern::mime
