// Any octets as a header block: no crash, and always a reason that people can read.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "dataplane/mime/origin.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace postern;
  std::string_view header(reinterpret_cast<const char*>(data), size);
  static constexpr uint8_t kClient[4] = {198, 51, 100, 25};
  mime::OriginReader reader;
  reader.begin("mail.customer.example", IpAddress::from_v4(kClient));
  while (!header.empty()) {
    size_t end = 0;
    do {
      end = header.find('\n', end);
      end = end == header.npos ? header.size() : end + 1;
    } while (end < header.size() && (header[end] == ' ' || header[end] == '\t'));
    const std::string_view field = header.substr(0, end);
    const size_t colon = field.find(':');
    if (colon != field.npos) reader.field(field.substr(0, colon), field.substr(colon + 1));
    header.remove_prefix(end);
  }
  const mime::Origin& origin = reader.finish();
  if (origin.why.empty() || origin.confidence == mime::Origin::Confidence::kNone) std::abort();
  return 0;
}
