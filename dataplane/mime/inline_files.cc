#include "dataplane/mime/inline_files.h"

#include <algorithm>
#include <cstring>

#include "dataplane/mime/ascii.h"

namespace postern::mime {
namespace {

// "begin", a mode in octal, a name.
bool begins_uuencode(std::string_view line) {
  if (!line.starts_with("begin ")) return false;
  line.remove_prefix(6);
  size_t digits = 0;
  while (digits < line.size() && line[digits] >= '0' && line[digits] <= '7') ++digits;
  return digits >= 3 && digits <= 5 && digits + 1 < line.size() && line[digits] == ' ';
}

constexpr bool is_uu(char c) { return c >= ' ' && c <= '`'; }

}  // namespace

void InlineFiles::begin() {
  encoding_ = Encoding::kNone;
  line_.clear();
}

void InlineFiles::feed(std::string_view text) {
  while (!text.empty()) {
    const size_t line_feed = text.find('\n');
    const std::string_view piece = text.substr(0, line_feed);
    if (line_feed == text.npos) {
      line_.append(piece);
      return;
    }
    if (line_.empty()) {
      line(piece);
    } else {
      line_.append(piece);
      line(line_.view());
      line_.clear();
    }
    text.remove_prefix(line_feed + 1);
  }
}

void InlineFiles::finish() {
  if (!line_.empty()) line(line_.view());
  line_.clear();
  end_file();
}

void InlineFiles::end_file() {
  if (encoding_ != Encoding::kNone) sink_->inline_file_end();
  encoding_ = Encoding::kNone;
}

void InlineFiles::line(std::string_view line) {
  line = line.substr(0, kLineBytes);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (encoding_ == Encoding::kUuencode) {
    uuencoded(line);
  } else if (encoding_ == Encoding::kYenc) {
    yencoded(line);
  } else if (begins_uuencode(line)) {
    encoding_ = Encoding::kUuencode;
    sink_->inline_file_begin();
  } else if (line.starts_with("=ybegin ")) {
    encoding_ = Encoding::kYenc;
    sink_->inline_file_begin();
  }
}

void InlineFiles::uuencoded(std::string_view line) {
  if (line.empty()) return;  // a gateway's
  const bool whole = std::all_of(line.begin(), line.end(), is_uu);
  if (line == "end" || !whole) return end_file();
  size_t left = static_cast<size_t>((line[0] - ' ') & 63);
  line.remove_prefix(1);
  char octets[64];
  size_t made = 0;
  for (size_t at = 0; left > 0; at += 4) {
    uint32_t group = 0;
    for (size_t i = 0; i < 4; ++i) {
      const char c = at + i < line.size() ? line[at + i] : ' ';
      group = group << 6 | static_cast<uint32_t>((c - ' ') & 63);
    }
    for (int shift = 16; shift >= 0 && left > 0; shift -= 8, --left) {
      octets[made++] = static_cast<char>(group >> shift & 0xff);
    }
  }
  sink_->inline_file_octets({octets, made});
}

void InlineFiles::yencoded(std::string_view line) {
  if (line.starts_with("=ypart ")) return;
  if (line.starts_with("=yend")) return end_file();
  char octets[kLineBytes];
  size_t made = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    uint8_t octet = static_cast<uint8_t>(line[i]);
    if (line[i] == '=' && i + 1 < line.size()) octet = static_cast<uint8_t>(line[++i] - 64);
    octets[made++] = static_cast<char>(octet - 42);
  }
  sink_->inline_file_octets({octets, made});
}

}  // namespace postern::mime
