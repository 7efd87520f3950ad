// The fields that say what a part is: Content-Type, -Disposition, -Transfer-Encoding (RFC 2045,
// 2183, 2231).
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/mime/fixed_text.h"
#include "dataplane/mime/header_decoder.h"
#include "dataplane/mime/multipart.h"

namespace postern::mime {

enum class TransferEncoding : uint8_t { kIdentity, kBase64, kQuotedPrintable, kUnknown };

// Damaged fields are read as mail clients do it; of several fields of one name the last counts.
class ContentFields {
 public:
  explicit ContentFields(ConverterCache* converters)
      : converters_(converters), words_(converters) {}

  void begin();
  // Takes what it knows; `value` may be folded.
  void field(std::string_view name, std::string_view value);

  // Lower case; empty when absent.
  std::string_view type() const { return type_.view(); }
  std::string_view charset() const { return charset_.view(); }
  std::string_view boundary() const { return boundary_.view(); }
  // UTF-8; the disposition's before the type's.
  std::string_view file_name() const {
    return disposition_name_.empty() ? type_name_.view() : disposition_name_.view();
  }
  TransferEncoding encoding() const { return encoding_; }

  // Other readings. Encodings that fields or words named beside the one that counts, or that a
  // misspelt one may mean; never kUnknown.
  bool may_be(TransferEncoding encoding) const {
    return encoding != encoding_ && (named_ >> static_cast<unsigned>(encoding) & 1) != 0;
  }
  // An encoding that has no decoder here but shows in the text (see inline_files.h) was named.
  bool names_inline_files() const { return names_inline_files_; }
  // Another field said "text/html" when the one that counts does not.
  bool may_be_html() const { return html_ && type_.view() != "text/html"; }
  // A boundary that was named and does not count; empty when none.
  std::string_view other_boundary() const { return other_boundary_.view(); }
  // Fields of one name.
  uint32_t type_fields() const { return type_fields_; }
  uint32_t encoding_fields() const { return encoding_fields_; }

 private:
  using Name = FixedText<512>;

  void content_type(std::string_view value);
  void transfer_encoding(std::string_view value);
  void read_boundaries(std::string_view parameters);
  void name_encodings(std::string_view words);
  void file_name(std::string_view parameters, std::string_view key, Name& name);

  ConverterCache* converters_;
  HeaderDecoder words_;
  FixedText<128> type_;
  FixedText<ConverterCache::kLabelBytes> charset_;
  FixedText<BoundaryStack::kBoundaryBytes + 1> boundary_;
  FixedText<BoundaryStack::kBoundaryBytes + 1> other_boundary_;
  Name type_name_;
  Name disposition_name_;
  TransferEncoding encoding_ = TransferEncoding::kIdentity;
  uint8_t named_ = 0;  // bits of TransferEncoding
  bool html_ = false;
  bool names_inline_files_ = false;
  uint32_t type_fields_ = 0;
  uint32_t encoding_fields_ = 0;
};

}  // namespace postern::mime
