// Any octets as a text, and as what links show: no crash, addresses in small letters with one name
// and a host, each once and no more than are kept.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "dataplane/mime/ascii.h"
#include "dataplane/scan/evals/body_addresses.h"
#include "dataplane/scan/evals/header_texts.h"
#include "dataplane/scan/evals/link_texts.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace postern;
  using namespace postern::scan::evals;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const Expressions expressions;
  static Searcher search(&expressions);
  static BodyAddresses addresses;
  addresses.begin();
  addresses.paragraph(text);
  addresses.link(text);
  const auto all = addresses.all();
  if (all.size() > BodyAddresses::kMost) std::abort();
  for (size_t i = 0; i < all.size(); ++i) {
    const std::string_view address = all[i].text.view();
    const size_t at = address.find('@');
    if (at == 0 || at > 64 || address.find('.', at) == address.npos) std::abort();
    for (char c : address)
      if (c != mime::to_lower(c) || mime::is_space(c)) std::abort();
    for (size_t k = 0; k < i; ++k)
      if (all[k].text.view() == address) std::abort();
  }
  static LinkTexts links;
  links.begin();
  const size_t middle = size / 2;
  for (int times = 0; times < 2; ++times) {
    links.target(text.substr(0, middle));
    links.link_begin();
    links.link_end(text.substr(middle), search);
  }
  // The same link twice is one.
  if (links.links() > 1) std::abort();
  return 0;
}
