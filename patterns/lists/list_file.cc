#include "patterns/lists/list_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace postern::lists {
namespace {

constexpr std::string_view kBlanks = " \t\r\v\f";

bool is_blank(char c) { return kBlanks.find(c) != kBlanks.npos; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::string_view trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// RFC 1035 2.3.4, with the "_" that names have all the same.
bool is_domain(std::string_view name) {
  constexpr size_t kLongestName = 253;
  constexpr size_t kLongestLabel = 63;
  if (name.empty() || name.size() > kLongestName) return false;
  size_t label = 0;
  for (char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_') {
      if (++label > kLongestLabel) return false;
    } else {
      return false;
    }
  }
  return label > 0;
}

std::expected<std::string_view, std::string> domain(std::string_view entry, std::string& room) {
  if (entry.ends_with('.')) entry.remove_suffix(1);
  room.assign(entry);
  std::ranges::transform(room, room.begin(), lower);
  if (is_domain(room)) return room;
  const bool ascii =
      std::ranges::all_of(entry, [](char c) { return static_cast<signed char>(c) > 0; });
  return std::unexpected(fmt::format("'{}' is no domain; expected a name such as example.com{}",
                                     entry,
                                     ascii ? "" : ", letters beyond ASCII written as xn--…"));
}

std::expected<std::string_view, std::string> address(std::string_view entry, std::string& room) {
  if (entry.starts_with('<') && entry.ends_with('>')) entry = entry.substr(1, entry.size() - 2);
  const size_t at = entry.rfind('@');
  if (at == entry.npos || at == 0 || !domain(entry.substr(at + 1), room) ||
      entry.find_first_of(" \t<>") != entry.npos) {
    return std::unexpected(
        fmt::format("'{}' is no address; expected one such as bob@example.com", entry));
  }
  room.assign(entry);
  if (room.ends_with('.')) room.pop_back();
  std::ranges::transform(room, room.begin(), lower);
  return room;
}

// As dataplane/mime/uri_link.h writes what it finds: scheme and host small, no user, no default
// port, a path.
std::expected<std::string_view, std::string> url(std::string_view entry, std::string& room) {
  const size_t colon = entry.find("://");
  const std::string_view after = colon == entry.npos ? "" : entry.substr(colon + 3);
  const std::string_view host = after.substr(0, after.find_first_of("/?#"));
  if (host.empty() || colon == 0 || entry.find_first_of(" \t") != entry.npos) {
    return std::unexpected(
        fmt::format("'{}' is no URL; expected one such as http://example.com/path", entry));
  }
  room.assign(entry.substr(0, colon + 3));
  const size_t user = host.rfind('@');
  room.append(user == host.npos ? host : host.substr(user + 1));
  std::ranges::transform(room, room.begin(), lower);
  for (std::string_view port : {"http://:80", "https://:443", "ftp://:21"}) {
    const size_t split = port.find(':', port.find("//"));
    if (room.starts_with(port.substr(0, split)) && room.ends_with(port.substr(split)))
      room.resize(room.size() - (port.size() - split));
  }
  const std::string_view tail = after.substr(host.size());
  if (!tail.starts_with('/')) room += '/';
  room.append(tail);
  return room;
}

std::expected<std::string_view, std::string> sha256(std::string_view entry, std::string& room) {
  constexpr size_t kDigits = 64;
  room.assign(entry);
  std::ranges::transform(room, room.begin(), lower);
  if (room.size() == kDigits &&
      std::ranges::all_of(room, [](unsigned char c) { return std::isxdigit(c) != 0; })) {
    return room;
  }
  return std::unexpected(
      fmt::format("'{}' is no SHA-256; expected 64 hexadecimal digits", entry.substr(0, 80)));
}

class FileReader {
 public:
  FileReader(ListKind kind, ListFormat format, bool keep_query, ListBuilder& builder)
      : kind_(kind), format_(format), keep_query_(keep_query), builder_(builder) {}

  ListErrors read(std::string_view text) {
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      ++line_;
      format_ == ListFormat::kDnset ? dnset_line(text.substr(0, end))
                                    : text_line(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return std::move(errors_);
  }

 private:
  void error(std::string what) {
    if (++errors_.count <= kToldErrors) errors_.first.push_back({line_, std::move(what)});
  }

  void text_line(std::string_view line) {
    for (size_t at = line.find('#'); at != line.npos; at = line.find('#', at + 1)) {
      if (at == 0 || is_blank(line[at - 1])) line = line.substr(0, at);
    }
    line = trim(line);
    if (line.empty()) return;
    if (kind_ != ListKind::kDomains) return add(line, kListed);
    name(line);
  }

  void dnset_line(std::string_view line) {
    if (line.starts_with('#') || line.starts_with(';') || line.starts_with(':')) return;
    if (line.starts_with('$')) {
      // Data of another kind would follow.
      if (line.starts_with("$DATASET"))
        error("$DATASET; expected a file of one dnset, without others");
      return;
    }
    line = trim(line);
    name(line.substr(0, std::min(line.find_first_of(kBlanks), line.size())));
  }

  void name(std::string_view written) {
    if (written.empty()) return;
    const bool excluded = written.starts_with('!');
    if (excluded) written = trim(written.substr(1));
    uint8_t marks = kListed;
    if (written.starts_with("*.")) {
      marks = kListedBelow;
      written.remove_prefix(2);
    } else if (written.starts_with('.')) {
      marks = kListed | kListedBelow;
      written.remove_prefix(1);
    }
    add(written, excluded ? static_cast<uint8_t>(marks << 2) : marks);
  }

  void add(std::string_view entry, uint8_t marks) {
    const auto normal = normal_form(entry, kind_, room_);
    if (!normal) return error(normal.error());
    if (builder_.size() == kMostEntries) return error("more entries than a list may hold");
    const bool cut = kind_ == ListKind::kUrls && !keep_query_;
    builder_.add(cut ? normal->substr(0, normal->find_first_of("?#")) : *normal, marks);
  }

  ListKind kind_;
  ListFormat format_;
  bool keep_query_;
  ListBuilder& builder_;
  ListErrors errors_;
  std::string room_;
  uint32_t line_ = 0;
};

}  // namespace

std::expected<std::string_view, std::string> normal_form(std::string_view entry, ListKind kind,
                                                         std::string& room) {
  switch (kind) {
    case ListKind::kDomains:
      return domain(entry, room);
    case ListKind::kAddresses:
      return address(entry, room);
    case ListKind::kUrls:
      return url(entry, room);
    case ListKind::kSha256:
      return sha256(entry, room);
    case ListKind::kFileNames:
      break;
  }
  room.assign(entry);
  std::ranges::transform(room, room.begin(), lower);
  return room;
}

ListErrors read_list(std::string_view text, ListKind kind, ListFormat format, bool keep_query,
                     ListBuilder& builder) {
  // A line has a dozen characters at least: enough to spare most of the growing.
  constexpr size_t kShortLine = 16;
  builder.reserve(builder.size() + text.size() / kShortLine);
  return FileReader(kind, format, keep_query, builder).read(text);
}

}  // namespace postern::lists
