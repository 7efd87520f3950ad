// Replies of a server that may send anything: however the octets are cut, the same replies are
// read, within the bounds, and what is no reply ends the reading.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "control/probe/smtp_reply.h"

namespace {

using postern::probe::Reply;
using postern::probe::ReplyReader;

struct Read {
  std::vector<Reply> replies;
  bool fault = false;
  bool operator==(const Read&) const = default;
};

Read read(std::string_view octets, size_t piece) {
  ReplyReader reader;
  Read out;
  for (size_t at = 0; at < octets.size(); at += piece) {
    reader.add(octets.substr(at, piece));
    while (auto reply = reader.next()) out.replies.push_back(std::move(*reply));
    if (!reader.fault().empty()) break;
  }
  out.fault = !reader.fault().empty();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view octets(reinterpret_cast<const char*>(data), size);
  const Read by_octet = read(octets, 1);
  for (const Reply& reply : by_octet.replies) {
    if (reply.code < 200 || reply.code > 599) std::abort();
    if (reply.lines.empty() || reply.lines.size() > ReplyReader::kMostLines) std::abort();
    for (const auto& line : reply.lines) {
      if (line.size() > ReplyReader::kLongestLine || line.find('\n') != line.npos) std::abort();
    }
  }
  // Pieces of seven octets end two replies at most, so that never too many wait.
  if (read(octets, 7) != by_octet) std::abort();
  return 0;
}
