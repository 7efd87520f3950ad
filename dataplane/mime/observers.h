// What an eval rule wants to know of a message beyond its renderings: its structure as it came, and
// its HTML tag by tag. The reader tells it while it reads, only to who asked (Renderings::facts);
// nobody keeps anything here. Views live until the call returns.
#pragma once

#include <cstdint>
#include <string_view>

namespace postern::mime {

// Texts of parts: HTML and plain text, in UTF-8 as far as the charset is known.
class TextObserver {
 public:
  virtual ~TextObserver() = default;
  virtual void plain_text(std::string_view utf8) = 0;
  virtual void plain_text_end() = 0;

  virtual void html_begin() = 0;
  // All of the part's text, mark-up included, before what is told of it.
  virtual void html_source(std::string_view utf8) = 0;
  // A tag: its name in any case, its attributes with character references read, its end.
  virtual void html_tag(std::string_view name, bool closing) = 0;
  virtual void html_attribute(std::string_view name, std::string_view value) = 0;
  virtual void html_tag_end() = 0;
  virtual void html_text(std::string_view utf8) = 0;
  // A stretch of a comment without its "<!--", with the "-->" at its end.
  virtual void html_comment(std::string_view utf8, bool ended) = 0;
  // "<!" or another opening that is no tag: a stretch of what is up to and with ">".
  virtual void html_declaration(std::string_view utf8, bool ended) = 0;
  virtual void html_end() = 0;
};

// Entities: the message, messages within, and their parts.
class StructureObserver {
 public:
  virtual ~StructureObserver() = default;
  // `nesting`: multiparts and messages around it; `part`: of a multipart.
  virtual void entity_begin(uint32_t nesting, bool part) = 0;
  // Folded with "\n", without white space around it.
  virtual void entity_field(std::string_view name, std::string_view value) = 0;
  // `type` as the reader takes it, lower case; `leaf`: neither multipart nor message.
  virtual void entity_headers_end(std::string_view type, std::string_view charset, bool leaf) = 0;
  // Of a leaf, before its transfer encoding is undone.
  virtual void entity_octets(std::string_view encoded) = 0;
  virtual void entity_end() = 0;
  // Behind the last part of a multipart.
  virtual void epilogue(std::string_view octets) = 0;
};

}  // namespace postern::mime
