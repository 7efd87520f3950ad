// Any octets as HTML: no crash, and the same text and links however they are cut. Cuts fall between
// UTF-8 characters, as the reader of messages makes them.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "dataplane/mime/html_text.h"

namespace {

struct Written : postern::mime::HtmlSink {
  void html_text(std::string_view utf8, bool is_hidden) override {
    (is_hidden ? hidden : text) += utf8;
  }
  void html_text_end() override { text += '\1'; }
  void html_line_ends(int count) override { text.append(static_cast<size_t>(count), '\2'); }
  void html_blank() override { text += '\3'; }
  void html_uri(std::string_view uri) override {
    if (uri.empty() || uri.size() > postern::mime::HtmlText::kUriBytes) std::abort();
    uris += uri;
    uris += '\n';
  }
  void html_aside(std::string_view utf8) override { asides += utf8; }
  void html_aside_end() override { asides += '\1'; }
  std::string text, hidden, uris, asides;
};

Written read(std::string_view html, size_t piece) {
  Written written;
  postern::mime::HtmlText reader(&written);
  reader.begin(true);
  while (!html.empty()) {
    size_t size = piece < html.size() ? piece : html.size();
    while (size < html.size() && (static_cast<uint8_t>(html[size]) & 0xc0) == 0x80) ++size;
    reader.feed(html.substr(0, size));
    html.remove_prefix(size);
  }
  reader.finish();
  return written;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view html(reinterpret_cast<const char*>(data + 1), size - 1);
  const Written whole = read(html, html.size());
  const Written pieces = read(html, 1 + data[0] % 64);
  if (whole.text != pieces.text || whole.hidden != pieces.hidden || whole.uris != pieces.uris ||
      whole.asides != pieces.asides) {
    std::abort();
  }
  return 0;
}
