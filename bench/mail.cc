#include "bench/mail.h"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace postern::bench {
namespace {

// Line ends as on the wire. A carriage return that ends no line is left out: the gate refuses such
// mail whatever it says (policy.smuggling), and mail servers do not send it.
std::string with_crlf(const std::string& text) {
  std::string out;
  out.reserve(text.size() + text.size() / 32);
  for (const char c : text) {
    if (c == '\r') continue;
    if (c == '\n') out += '\r';
    out += c;
  }
  if (!out.ends_with("\r\n")) out += "\r\n";
  return out;
}

}  // namespace

std::expected<std::vector<Message>, std::string> read_messages(const std::filesystem::path& folder,
                                                               size_t most) {
  std::error_code error;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, error)) {
    if (entry.path().extension() == ".eml") paths.push_back(entry.path());
  }
  if (paths.empty()) {
    return std::unexpected(folder.string() + " holds no *.eml files: name a folder of messages");
  }
  std::ranges::sort(paths);
  std::vector<Message> messages;
  const size_t count = std::min(most, paths.size());
  for (size_t i = 0; i < count; ++i) {
    const auto& path = paths[i * paths.size() / count];
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!file) return std::unexpected(path.string() + " cannot be read");
    Message message{path.filename().string(), with_crlf(text), {}};
    if (message.name.ends_with(".ham.eml")) message.is_spam = false;
    if (message.name.ends_with(".spam.eml")) message.is_spam = true;
    messages.push_back(std::move(message));
  }
  return messages;
}

double mean_octets(const std::vector<Message>& messages) {
  double sum = 0;
  for (const Message& message : messages) sum += static_cast<double>(message.octets.size());
  return sum / static_cast<double>(messages.size());
}

std::string as_data(const std::string& octets) {
  std::string out;
  out.reserve(octets.size() + 16);
  for (size_t i = 0; i < octets.size(); ++i) {
    const bool line_begins = i == 0 || (i >= 2 && octets[i - 2] == '\r' && octets[i - 1] == '\n');
    if (line_begins && octets[i] == '.') out += '.';
    out += octets[i];
  }
  return out + ".\r\n";
}

}  // namespace postern::bench
