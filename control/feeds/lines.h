// What the readers of feeds share.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "control/feeds/feed.h"

namespace postern::feeds {

std::expected<Feed, std::string> read_drop_text(std::string_view text);
std::expected<Feed, std::string> read_drop_json(std::string_view text);
std::expected<Feed, std::string> read_rbldnsd(std::string_view text, Format format,
                                              uint64_t now_unix_s);

// The lines of a text, without their ends, counted from 1.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
  bool next() {
    if (rest_.empty()) return false;
    const size_t end = rest_.find('\n');
    line_ = rest_.substr(0, end);
    rest_.remove_prefix(end == rest_.npos ? rest_.size() : end + 1);
    if (line_.ends_with('\r')) line_.remove_suffix(1);
    ++number_;
    return true;
  }
  std::string_view line() const { return line_; }
  std::string at(std::string_view what) const { return fmt::format("line {}: {}", number_, what); }

 private:
  std::string_view rest_, line_;
  size_t number_ = 0;
};

inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// A prefix that a list may hold; the error says what was expected.
std::expected<IpPrefix, std::string> listable(std::string_view text);
std::expected<IpPrefix, std::string> listable(const IpPrefix& prefix);

}  // namespace postern::feeds
