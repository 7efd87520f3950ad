// Any octets as a header block: no crash, and relays that can be told apart again, as each begins
// with
// "[ ip=" and no value can end one.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "dataplane/scan/relays.h"

namespace {

size_t count(std::string_view text, std::string_view part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
  return n;
}

void check(std::string_view relays) {
  if (relays.size() > postern::scan::Relays::kTextBytes) std::abort();
  if (relays.empty()) return;
  if (!relays.starts_with("[ ip=") || !relays.ends_with(" msa=0 ]")) std::abort();
  if (count(relays, "[ ip=") != count(relays, " msa=0 ]")) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using postern::scan::Relays;
  std::string_view header(reinterpret_cast<const char*>(data), size);
  static Relays relays;
  relays.begin();
  while (!header.empty()) {
    size_t end = 0;
    do {
      end = header.find('\n', end);
      end = end == header.npos ? header.size() : end + 1;
    } while (end < header.size() && (header[end] == ' ' || header[end] == '\t'));
    const std::string_view field = header.substr(0, end);
    const size_t colon = field.find(':');
    if (colon != field.npos) relays.field(field.substr(0, colon), field.substr(colon + 1));
    header.remove_prefix(end);
  }
  relays.finish();
  check(relays.trusted());
  check(relays.untrusted());
  (void)relays.envelope_from();
  return 0;
}
