// HTML to what its reader sees, and where it leads.
//
// Theory of operation. One pass over UTF-8 in any pieces, following the Encoding Standard's
// tokenizer where mail depends on it. Text is handed on as it stands in the input, so that a word
// split by tags or comments is whole again; a tag is gathered (its first kTagBytes) and read when
// it ends. Scripts and style sheets are dropped;
// in a title, a field for text and the like no tag counts but the one that ends it. Line breaks
// come from the elements from which SpamAssassin makes them. URIs are told from attributes that
// lead somewhere, hidden or not, with character references read and the white space that browsers
// drop removed.
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/mime/fixed_text.h"
#include "dataplane/mime/html_entities.h"
#include "dataplane/mime/html_style.h"
#include "dataplane/mime/observers.h"

namespace postern::mime {

class HtmlSink {
 public:
  virtual ~HtmlSink() = default;
  virtual void html_text(std::string_view utf8, bool hidden) = 0;
  // A tag, comment or declaration stood here.
  virtual void html_text_end() = 0;
  virtual void html_line_ends(int count) = 0;
  virtual void html_blank() = 0;
  virtual void html_uri(std::string_view uri) = 0;
  // When asked for: what stands in comments and in attributes that describe. Each ends with
  // html_aside_end().
  virtual void html_aside(std::string_view utf8) { static_cast<void>(utf8); }
  virtual void html_aside_end() {}
};

class HtmlText {
 public:
  static constexpr size_t kTagBytes = 8192;
  static constexpr size_t kUriBytes = 4096;

  explicit HtmlText(HtmlSink* sink) : sink_(sink) {}

  // `observer`: told of tags, too; or null.
  void begin(bool asides = false, TextObserver* observer = nullptr);
  void feed(std::string_view utf8);
  void finish();

 private:
  enum class State : uint8_t {
    kText,
    kEntity,       // after "&"
    kOpening,      // after "<", "</" or "<!" that is not yet a tag
    kTag,          // gathering a tag
    kComment,      // until "-->"
    kDeclaration,  // until ">"
    kRaw,          // script or style: until its end tag
    kRawOpening,   // "</…" in it, or in a title and the like
  };
  // Where in a tag we are: only a quote after "=" hides ">".
  enum class TagState : uint8_t {
    kName,
    kBetween,
    kAttribute,
    kValue,
    kUnquoted,
    kSingle,
    kDouble
  };

  const char* in_text(const char* p, const char* end);
  const char* in_entity(const char* p, const char* end);
  const char* in_opening(const char* p, const char* end);
  void begin_tag(bool closing);
  const char* in_tag(const char* p, const char* end);
  const char* in_comment(const char* p, const char* end);
  const char* in_raw(const char* p, const char* end);
  const char* end_verbatim(const char* p);
  const char* in_raw_opening(const char* p, const char* end);
  const char* scan_tag(const char* p, const char* end);

  void text(std::string_view utf8);
  bool end_entity(bool closed);
  void tag(std::string_view content);
  void start_tag(const ElementTraits& element, std::string_view attributes);
  void attribute(uint32_t tag, std::string_view name, std::string_view value, Style& style);
  void uri(std::string_view value);
  void refresh(std::string_view content);
  std::string_view decode_attribute(std::string_view value);

  HtmlSink* sink_;
  TextObserver* observer_ = nullptr;
  bool asides_ = false;
  State state_ = State::kText;
  TagState tag_state_ = TagState::kName;
  uint8_t dashes_ = 0;        // at the end of the comment so far
  bool bang_ = false;         // "--!" at its end
  bool closing_ = false;      // the tag under way is an end tag
  std::string_view raw_end_;  // "/script", "/title" …: what ends the raw or verbatim text we are in
  bool verbatim_ = false;     // no tag but that one is a tag: "<style>" in a title is text
  bool references_ = true;    // character references are read
  OpenElements open_;
  FixedText<kMaxEntityName + 8> token_;  // an entity's name, or what follows "<" in raw text
  FixedText<kTagBytes> tag_;
  FixedText<kUriBytes> value_;  // an attribute's value, decoded
};

}  // namespace postern::mime
