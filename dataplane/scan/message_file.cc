#include "dataplane/scan/message_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string_view>

#include "dataplane/mime/ascii.h"

namespace postern::scan {

namespace {

constexpr std::string_view kMboxLine = "From ";

std::expected<std::vector<uint8_t>, std::string> read_octets(const std::filesystem::path& path) {
  std::ifstream file;
  if (path != "-") {
    std::error_code code;
    if (std::filesystem::is_directory(path, code)) {
      return std::unexpected(
          fmt::format("{}: is a directory; expected a message file", path.string()));
    }
    file.open(path, std::ios::binary);
    if (!file)
      return std::unexpected(
          fmt::format("{}: cannot be opened: {}", path.string(), std::strerror(errno)));
  }
  std::istream& in = path == "-" ? std::cin : file;
  std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in.bad()) return std::unexpected(fmt::format("{}: cannot be read to its end", path.string()));
  return bytes;
}

std::string_view text_of(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// "From bob@example.com Thu Aug 22 14:54:39 2002": text may begin with "From ", but hardly goes on
// with a time and ends with a year.
bool begins_mbox_message(std::string_view line) {
  if (!line.starts_with(kMboxLine)) return false;
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  bool has_time = false;
  for (size_t i = 2; i + 2 < line.size() && !has_time; ++i) {
    has_time = line[i] == ':' && mime::is_digit(line[i - 1]) && mime::is_digit(line[i + 1]) &&
               mime::is_digit(line[i + 2]);
  }
  // A year, or a zone behind it.
  const std::string_view last = line.substr(line.rfind(' ') + 1);
  return has_time && last.size() >= 4 &&
         std::ranges::all_of(last.substr(last.size() - 4), mime::is_digit);
}

// Cuts the first line off, its end included.
std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end);
  return line;
}

bool is_empty_line(std::string_view line) { return line == "\n" || line == "\r\n"; }

std::string_view without_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  return line;
}

std::vector<std::vector<uint8_t>> split_mbox(std::string_view text) {
  std::vector<std::vector<uint8_t>> messages;
  std::string_view held;  // an empty line: the mbox's own when a message or nothing follows
  bool may_begin = true;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    if (may_begin && begins_mbox_message(without_end(line))) {
      messages.emplace_back();
      held = {};
      may_begin = false;
      continue;
    }
    messages.back().insert(messages.back().end(), held.begin(), held.end());
    held = {};
    may_begin = is_empty_line(line);
    if (may_begin) {
      held = line;
      continue;
    }
    const size_t quotes = line.find_first_not_of('>');
    if (quotes != 0 && quotes != line.npos && line.substr(quotes).starts_with(kMboxLine)) {
      line.remove_prefix(1);
    }
    messages.back().insert(messages.back().end(), line.begin(), line.end());
  }
  return messages;
}

void leave_out_mbox_line(std::vector<uint8_t>& bytes) {
  if (!text_of(bytes).starts_with(kMboxLine)) return;
  const auto line_end = std::ranges::find(bytes, uint8_t{'\n'});
  bytes.erase(bytes.begin(), line_end == bytes.end() ? line_end : line_end + 1);
}

}  // namespace

std::expected<std::vector<uint8_t>, std::string> read_message_file(
    const std::filesystem::path& path) {
  auto bytes = read_octets(path);
  if (bytes) leave_out_mbox_line(*bytes);
  return bytes;
}

std::expected<std::vector<std::vector<uint8_t>>, std::string> read_messages(
    const std::filesystem::path& path) {
  auto bytes = read_octets(path);
  if (!bytes) return std::unexpected(std::move(bytes.error()));
  std::string_view rest = text_of(*bytes);
  if (!rest.empty() && begins_mbox_message(without_end(take_line(rest)))) {
    auto messages = split_mbox(text_of(*bytes));
    // Of a single message nothing is taken for quoting: it may be a file of its own.
    if (messages.size() > 1) return messages;
  }
  leave_out_mbox_line(*bytes);
  std::vector<std::vector<uint8_t>> one;
  one.push_back(std::move(*bytes));
  return one;
}

bool begins_with_field(std::span<const uint8_t> message) {
  const std::string_view text = text_of(message);
  size_t end = 0;
  while (end < text.size() && text[end] > 32 && text[end] < 127 && text[end] != ':') ++end;
  const size_t colon = text.find_first_not_of(" \t", end);
  return end > 0 && colon != text.npos && text[colon] == ':';
}

ScanResult scan_message(MessageScan& scan, std::shared_ptr<const SignatureSet> set,
                        MessageScan::Scratch& scratch, std::span<const uint8_t> message,
                        std::span<const EnvelopeElement> envelope, Asked asked) {
  scan.begin(std::move(set), &scratch, asked);
  for (const EnvelopeElement& element : envelope) {
    if (element.target == language::Target::kHelo) scan.connection(element.text, {});
  }
  for (const EnvelopeElement& element : envelope) scan.envelope(element.target, element.text);
  scan.feed(message);
  return scan.finish();
}

}  // namespace postern::scan
