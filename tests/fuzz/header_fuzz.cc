// Any octets as a header field's value: no crash, well-formed UTF-8 within its room.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/mime/charset.h"
#include "dataplane/mime/content_type.h"
#include "dataplane/mime/header_decoder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace postern::mime;
  static ConverterCache converters;
  const std::string_view value(reinterpret_cast<const char*>(data), size);
  HeaderDecoder decoder(&converters);
  std::string room(64 + size % 512, '\0');
  for (auto words : {HeaderDecoder::Words::kDecode, HeaderDecoder::Words::kKeep}) {
    const std::string_view decoded = decoder.decode(value, words, std::span<char>(room));
    if (utf8_prefix(decoded) != decoded.size()) std::abort();
  }
  ContentFields fields(&converters);
  fields.begin();
  for (std::string_view name :
       {"content-type", "content-disposition", "content-transfer-encoding"}) {
    fields.field(name, value);
  }
  if (utf8_prefix(fields.file_name()) != fields.file_name().size()) std::abort();
  return 0;
}
