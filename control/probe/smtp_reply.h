// Replies of a mail server (RFC 5321 4.2), read by a client that trusts nothing of them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern::probe {

struct Reply {
  int code = 0;                         // 200 to 599
  std::vector<std::string> lines = {};  // their texts, behind "250-" or "250 "
  bool operator==(const Reply&) const = default;
};

// Octets go in as they come; a reply comes out when its last line is there. What is no reply, and
// one that is longer than a server may send, is a fault: nothing more is read.
class ReplyReader {
 public:
  static constexpr size_t kLongestLine = 2048;  // RFC 5321 4.5.3.1.5 says 512; servers say more
  static constexpr size_t kMostLines = 64;

  void add(std::string_view octets);
  // The next reply; nothing: there is none yet, or a fault.
  std::optional<Reply> next();
  // Why nothing more is read; empty: there is no fault.
  const std::string& fault() const { return fault_; }

 private:
  void read_line(std::string_view line);

  std::string rest_;  // at most one unfinished line
  Reply current_;
  std::vector<Reply> ready_;
  std::string fault_;
};

}  // namespace postern::probe
