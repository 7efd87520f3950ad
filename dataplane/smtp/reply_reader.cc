#include "dataplane/smtp/reply_reader.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "dataplane/smtp/command.h"

namespace postern::smtp {

ReplyReader::Progress ReplyReader::next(std::span<const uint8_t> bytes) {
  size_t at = 0;
  while (at < bytes.size()) {
    const uint8_t* begin = bytes.data() + at;
    const auto* feed = static_cast<const uint8_t*>(std::memchr(begin, '\n', bytes.size() - at));
    const size_t length = feed ? static_cast<size_t>(feed - begin) : bytes.size() - at;
    const size_t kept = std::min(length, line_.size() - line_used_);
    std::memcpy(line_.data() + line_used_, begin, kept);
    line_used_ = static_cast<uint8_t>(line_used_ + kept);
    at += length;
    if (!feed) break;
    ++at;
    const bool complete = take_line();
    line_used_ = 0;
    if (complete) return {at, true};
  }
  return {at, false};
}

// True when the line ends a reply.
bool ReplyReader::take_line() {
  std::string_view line(line_.data(), line_used_);
  if (line_used_ < line_.size() && line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() < 3 || line[0] < '2' || line[0] > '5') return false;
  for (int i = 1; i < 3; ++i) {
    if (line[i] < '0' || line[i] > '9') return false;
  }
  const char separator = line.size() > 3 ? line[3] : ' ';
  if (separator != ' ' && separator != '-' && separator != '\t') return false;

  if (!within_reply_) {
    extensions_ = 0;  // the first line names the host
  } else if (line.size() > 4) {
    std::string_view keyword = line.substr(4);
    keyword = keyword.substr(0, keyword.find_first_of(" \t\r"));
    if (equals_upper(keyword, "CHUNKING"))
      extensions_ |= static_cast<uint8_t>(Extension::kChunking);
    if (equals_upper(keyword, "STARTTLS"))
      extensions_ |= static_cast<uint8_t>(Extension::kStartTls);
    if (equals_upper(keyword, "PIPELINING"))
      extensions_ |= static_cast<uint8_t>(Extension::kPipelining);
  }
  within_reply_ = separator == '-';
  code_ = static_cast<uint16_t>((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
  return !within_reply_;
}

}  // namespace postern::smtp
