// Where a list comes from: a file, or a web server.
#pragma once

#include <atomic>
#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

namespace postern::feeds {

inline constexpr size_t kMostListOctets = 256 << 20;
// Who publishes a list asks not to be asked more often.
inline constexpr unsigned kLeastBetweenDownloads_s = 3600;

// "https://…", as against a file's name. http:// is one too, for this machine's own servers.
bool is_download(std::string_view source);

// Empty: it can be read, as far as its form tells. Otherwise what is wrong with it.
std::string objection_to_download(std::string_view source);

// The whole list; the error names the source and what to do. A download takes two minutes at the
// most and ends when `stop` turns true. Blocks; any thread.
std::expected<std::string, std::string> read_list(const std::string& source,
                                                  const std::atomic<bool>& stop);

}  // namespace postern::feeds
