// Any octets as a header block: no crash, and always a reason that people can read.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "dataplane/mime/origin.h"
#include "tests/fuzz/header_block.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace postern;
  const std::string_view header(reinterpret_cast<const char*>(data), size);
  static constexpr uint8_t kClient[4] = {198, 51, 100, 25};
  mime::OriginReader reader;
  reader.begin("mail.customer.example", IpAddress::from_v4(kClient));
  fuzz::for_each_field(
      header, [&](std::string_view name, std::string_view value) { reader.field(name, value); });
  const mime::Origin& origin = reader.finish();
  if (origin.why.empty() || origin.confidence == mime::Origin::Confidence::kNone) std::abort();
  return 0;
}
