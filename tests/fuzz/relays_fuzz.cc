// Any octets as a header block: no crash, and relays that can be told apart again, as each begins
// with
// "[ ip=" and no value can end one.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "dataplane/scan/relays.h"
#include "tests/fuzz/header_block.h"

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
  using namespace postern;
  const std::string_view header(reinterpret_cast<const char*>(data), size);
  static scan::Relays relays;
  relays.begin();
  fuzz::for_each_field(
      header, [&](std::string_view name, std::string_view value) { relays.field(name, value); });
  relays.finish();
  check(relays.trusted());
  check(relays.untrusted());
  (void)relays.envelope_from();
  return 0;
}
