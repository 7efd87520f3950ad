#include "control/probe/smtp_reply.h"

#include <fmt/format.h>

namespace postern::probe {
namespace {

constexpr size_t kMostReady = 16;  // a server that speaks unasked

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

void ReplyReader::add(std::string_view octets) {
  while (fault_.empty() && !octets.empty()) {
    const size_t end = octets.find('\n');
    const std::string_view piece = octets.substr(0, end);
    if (rest_.size() + piece.size() > kLongestLine) {
      fault_ = fmt::format("a line of more than {} bytes", kLongestLine);
      break;
    }
    rest_ += piece;
    if (end == octets.npos) return;
    octets.remove_prefix(end + 1);
    std::string line;
    line.swap(rest_);
    if (line.ends_with('\r')) line.pop_back();
    read_line(line);
  }
}

void ReplyReader::read_line(std::string_view line) {
  const bool has_code = line.size() >= 3 && line[0] >= '2' && line[0] <= '5' && is_digit(line[1]) &&
                        is_digit(line[2]) && (line.size() == 3 || line[3] == ' ' || line[3] == '-');
  if (!has_code) {
    fault_ = "a line that is no SMTP reply";
    return;
  }
  const int code = 100 * (line[0] - '0') + 10 * (line[1] - '0') + (line[2] - '0');
  if (!current_.lines.empty() && code != current_.code) {
    fault_ = "a reply whose lines have different codes";
    return;
  }
  if (current_.lines.size() == kMostLines) {
    fault_ = fmt::format("a reply of more than {} lines", kMostLines);
    return;
  }
  current_.code = code;
  current_.lines.emplace_back(line.size() > 4 ? line.substr(4) : std::string_view());
  if (line.size() > 3 && line[3] == '-') return;
  if (ready_.size() == kMostReady) {
    fault_ = "replies to what nobody asked";
    return;
  }
  ready_.push_back(std::move(current_));
  current_ = {};
}

std::optional<Reply> ReplyReader::next() {
  if (ready_.empty()) return {};
  Reply out = std::move(ready_.front());
  ready_.erase(ready_.begin());
  return out;
}

}  // namespace postern::probe
