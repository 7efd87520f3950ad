// Tables and texts for a person at a terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace postern::cli {

// `text` with control characters written as \xNN: what comes from mail must not drive the terminal.
// Cut to `most` columns, with "…", when longer.
std::string printable(std::string_view text, size_t most = 60);

// Columns that a terminal gives it (UTF-8): two to a Chinese, Japanese or Korean character, none to
// an accent that goes over the one before.
size_t width(std::string_view text);

// Columns two spaces apart, as wide as their widest cell; the last one is not padded.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : rows_{std::move(header)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.size() == 1; }
  // Lines, each ended; `indent` spaces before each.
  std::string to_string(size_t indent = 0) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "2026-11-22 12:27:20", local time; "never" for 0.
std::string local_time(uint64_t unix_s);
// How long a person would say it is: "12s", "3m", "2h05m", "4d3h".
std::string age(uint64_t seconds);

}  // namespace postern::cli
