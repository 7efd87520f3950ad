// Any octets as text with URIs, and as a URI: no crash; what is told is canonical, so that reading
// it again tells the same host and domain.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "dataplane/mime/uri_finder.h"
#include "dataplane/mime/uri_link.h"

namespace {

using namespace postern::mime;

struct FirstLink : RenderSink {
  void header(std::string_view, std::string_view, std::string_view) override {}
  void body(std::string_view) override {}
  void rawbody(std::string_view) override {}
  void uri(std::string_view) override {}
  void part(const Part&) override {}
  void link(const Link& link) override {
    if (told++ > 0) return;
    uri_told = link.uri;
    host = link.host;
    domain = link.domain;
  }
  int told = 0;
  std::string uri_told, host, domain;
};

void check(LinkReader& reader, std::string_view uri) {
  FirstLink first, again;
  reader.read(uri, &first);
  if (first.told == 0) return;
  if (first.told > 1 + LinkReader::kRedirections || first.host.empty()) std::abort();
  if (!first.host.ends_with(first.domain)) std::abort();
  reader.read(first.uri_told, &again);
  if (again.told == 0 || again.host != first.host || again.domain != first.domain) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static LinkReader reader;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(reader, text);
  UriFinder finder;
  finder.begin(text);
  for (std::string_view uri = finder.next(); !uri.empty(); uri = finder.next()) check(reader, uri);
  return 0;
}
