#include "dataplane/scan/message_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string_view>

namespace postern::scan {

std::expected<std::vector<uint8_t>, std::string> read_message_file(
    const std::filesystem::path& path) {
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
  constexpr std::string_view kMboxLine = "From ";
  if (bytes.size() > kMboxLine.size() &&
      std::equal(kMboxLine.begin(), kMboxLine.end(), bytes.begin())) {
    const auto line_end = std::ranges::find(bytes, uint8_t{'\n'});
    bytes.erase(bytes.begin(), line_end == bytes.end() ? line_end : line_end + 1);
  }
  return bytes;
}

ScanResult scan_message(MessageScan& scan, std::shared_ptr<const SignatureSet> set,
                        MessageScan::Scratch& scratch, std::span<const uint8_t> message,
                        std::span<const EnvelopeElement> envelope) {
  scan.begin(std::move(set), &scratch);
  for (const EnvelopeElement& element : envelope) {
    if (element.target == language::Target::kHelo) scan.connection(element.text, {});
  }
  for (const EnvelopeElement& element : envelope) scan.envelope(element.target, element.text);
  scan.feed(message);
  return scan.finish();
}

}  // namespace postern::scan
