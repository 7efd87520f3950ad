// Facts of a message's structure: types and encodings of its parts, and the lines they are sent in.
//
// Theory of operation. Entities are told in the message's order; of those around the one under way
// only what kind they are is kept, to the reader's depth. Encoded octets are cut into lines at
// their line ends and after kLineBytes, as SpamAssassin cuts them, and each line is counted and
// forgotten.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dataplane/mime/fixed_text.h"
#include "dataplane/mime/observers.h"

namespace postern::scan::evals {

class MimeFacts final : public mime::StructureObserver {
 public:
  static constexpr size_t kLineBytes = 2048;
  static constexpr size_t kNesting = 32;

  void begin();
  // The message has ended; whether a multipart lacked its last delimiter.
  void finish(bool missing_boundary);

  void entity_begin(uint32_t nesting, bool part) override;
  void entity_field(std::string_view name, std::string_view value) override;
  void entity_headers_end(std::string_view type, std::string_view charset, bool leaf) override;
  void entity_octets(std::string_view encoded) override;
  void entity_end() override;
  void epilogue(std::string_view octets) override;

  // By the names of eval_words(EvalArgument::kMimeFact), in their order.
  double fact(size_t name) const;
  bool is_html() const { return is_html_ || html_parts_ > 0; }
  bool is_html_only() const { return is_html_ || (html_parts_ > 0 && text_parts_ == 0); }
  double multipart_ratio() const;
  double quoted_printable_ratio() const;
  double unicode_ratio() const;
  bool illegal_ascii() const { return illegal_ascii_ > 0; }
  bool alternative_without_text() const { return alternative_without_text_; }
  // Of the longest line of base64, line end included.
  uint64_t base64_length() const { return base64_length_; }
  // By the names of eval_words(EvalArgument::kParseFlag), in their order.
  bool parse_flag(size_t name) const;
  // Some charset in which capitals mean nothing.
  bool has_caseless_charset() const { return caseless_charset_; }

  // Of the part under way: whose texts are compared with each other.
  bool in_alternative() const { return alternative_ < kNesting; }
  uint32_t alternatives() const { return alternatives_; }

 private:
  enum class Container : uint8_t { kOther, kAlternative };

  void line(std::string_view text, bool ended);
  void quoted_printable_line(std::string_view text, size_t length);

  // Message.
  uint32_t entities_ = 0;
  uint32_t html_parts_ = 0;
  uint32_t text_parts_ = 0;
  uint32_t base64_parts_ = 0;
  uint32_t quoted_printable_parts_ = 0;
  uint32_t attachments_ = 0;
  uint64_t quoted_printable_bytes_ = 0;
  int64_t quoted_printable_codes_ = 0;  // that encode what needs no encoding
  uint64_t illegal_ascii_ = 0;
  uint64_t plain_bytes_ = 0;
  uint64_t unicode_references_ = 0;
  uint64_t base64_length_ = 0;
  int64_t html_bytes_ = -1;  // of the last part; -1: there was none
  int64_t text_bytes_ = -1;
  bool is_html_ = false;
  bool base64_text_ = false;
  bool bad_iso_charset_ = false;
  bool caseless_charset_ = false;
  bool missing_boundary_ = false;
  bool has_alternative_ = false;
  bool long_line_ = false;
  bool alternative_without_text_ = false;
  bool epilogue_ = false;
  bool long_header_ = false;
  bool part_without_header_ = false;
  std::array<Container, kNesting> containers_;
  size_t nesting_ = 0;
  size_t alternative_ = kNesting;  // the innermost around the part
  uint32_t alternatives_ = 0;

  // The part under way.
  bool leaf_ = false;
  bool part_ = false;
  bool has_fields_ = false;
  bool attachment_ = false;
  bool is_text_plain_ = false;
  bool is_text_html_ = false;
  bool is_ascii_ = false;
  bool is_base64_ = false;
  bool is_quoted_printable_ = false;
  bool is_unencoded_ = false;
  int64_t part_bytes_ = 0;
  mime::FixedText<128> encoding_;
  mime::FixedText<512> disposition_;
  mime::FixedText<kLineBytes> line_;
  bool carriage_return_ = false;
};

}  // namespace postern::scan::evals
