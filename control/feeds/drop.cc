// Spamhaus DROP, as text and as JSON lines.
#include <ctime>
#include <nlohmann/json.hpp>

#include "control/feeds/lines.h"

namespace postern::feeds {
namespace {

// RFC 9110 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT". 0: it is none.
uint64_t http_date(std::string_view text) {
  std::tm parts{};
  const std::string copy(text);
  const char* end = strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  const time_t at = end != nullptr && *end == '\0' ? timegm(&parts) : 0;
  return at > 0 ? static_cast<uint64_t>(at) : 0;
}

// "; Last-Modified: …" and the like.
void take_comment(std::string_view text, Feed& feed) {
  text = trimmed(text);
  constexpr std::string_view kModified = "Last-Modified:";
  if (text.starts_with(kModified)) {
    feed.published_unix_s = http_date(trimmed(text.substr(kModified.size())));
  } else if (text.find("Spamhaus") != text.npos || text.starts_with("(c)")) {
    feed.notes.emplace_back(text);
  }
}

}  // namespace

std::expected<Feed, std::string> read_drop_text(std::string_view text) {
  Feed feed;
  for (Lines lines(text); lines.next();) {
    const std::string_view line = trimmed(lines.line());
    if (line.empty()) continue;
    const size_t semicolon = line.find(';');
    const std::string_view range = trimmed(line.substr(0, semicolon));
    const std::string_view behind =
        semicolon == line.npos ? std::string_view() : line.substr(semicolon + 1);
    if (range.empty()) {
      take_comment(behind, feed);
      continue;
    }
    const auto prefix = listable(range);
    if (!prefix) return std::unexpected(lines.at(prefix.error()));
    if (feed.entries.size() == kMostEntries) return std::unexpected("more entries than a list has");
    feed.entries.push_back({*prefix, false, std::string(trimmed(behind))});
  }
  if (feed.published_unix_s == 0) {
    return std::unexpected(
        "no line says when the list was made; expected \"; Last-Modified: DATE\" at its head: this "
        "is no DROP list, or not all of it");
  }
  return feed;
}

// One object a line, the last one about the file.
std::expected<Feed, std::string> read_drop_json(std::string_view text) {
  using nlohmann::json;
  Feed feed;
  bool complete = false;
  for (Lines lines(text); lines.next();) {
    if (trimmed(lines.line()).empty()) continue;
    const json object = json::parse(lines.line(), nullptr, false);
    if (!object.is_object()) return std::unexpected(lines.at("no JSON object"));
    if (complete) return std::unexpected(lines.at("more behind the line of metadata"));
    const auto text_of = [&](const char* key) {
      const auto found = object.find(key);
      return found != object.end() && found->is_string() ? found->get<std::string>() : "";
    };
    const auto number_of = [&](const char* key) -> uint64_t {
      const auto found = object.find(key);
      return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
    };
    if (text_of("type") == "metadata") {
      complete = true;
      if (number_of("records") != feed.entries.size()) {
        return std::unexpected(lines.at(fmt::format("the file says it has {} records and has {}",
                                                    number_of("records"), feed.entries.size())));
      }
      if (number_of("size") > text.size()) {
        return std::unexpected(lines.at(fmt::format("the file says it has {} bytes and has {}",
                                                    number_of("size"), text.size())));
      }
      feed.published_unix_s = number_of("timestamp");
      for (const char* key : {"copyright", "terms"}) {
        if (!text_of(key).empty()) feed.notes.push_back(text_of(key));
      }
      continue;
    }
    const auto prefix = listable(text_of("cidr"));
    if (!prefix) return std::unexpected(lines.at("cidr: " + prefix.error()));
    if (feed.entries.size() == kMostEntries) return std::unexpected("more entries than a list has");
    feed.entries.push_back({*prefix, false, text_of("sblid")});
  }
  if (!complete) {
    return std::unexpected(
        "the line of metadata is missing at the end: the file was cut short; fetch it again");
  }
  return feed;
}

}  // namespace postern::feeds
