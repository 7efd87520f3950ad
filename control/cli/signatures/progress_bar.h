// How far a command is, on standard error, and only where somebody looks.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace postern::cli {

class ProgressBar {
 public:
  explicit ProgressBar(size_t files) : files_(files), shown_(isatty(STDERR_FILENO) == 1) {}
  ~ProgressBar() {
    if (shown_) fmt::print(stderr, "\r\x1b[K");
  }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void show(size_t done) const {
    if (!shown_ || files_ == 0) return;
    constexpr size_t kWidth = 40;
    const size_t filled = kWidth * done / files_;
    fmt::print(stderr, "\r[{}{}] {:>3} %  {} of {} files", std::string(filled, '#'),
               std::string(kWidth - filled, '.'), 100 * done / files_, done, files_);
    fflush(stderr);
  }

 private:
  size_t files_;
  bool shown_;
};

}  // namespace postern::cli
