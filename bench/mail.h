// Messages to measure with, read from files before anything is timed.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace postern::bench {

struct Message {
  std::string name;
  std::string octets;           // CRLF line ends, the last line ended: what a scan is given
  std::optional<bool> is_spam;  // when its file name says so: NAME.ham.eml, NAME.spam.eml
};

// The *.eml below `folder`, at most `most` of them, evenly taken from all in the order of their
// names. The error says what to do.
std::expected<std::vector<Message>, std::string> read_messages(const std::filesystem::path& folder,
                                                               size_t most);

double mean_octets(const std::vector<Message>& messages);

// As DATA carries it: dots stuffed, the end of data appended (RFC 5321 4.5.2).
std::string as_data(const std::string& octets);

}  // namespace postern::bench
