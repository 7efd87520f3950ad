// The message as it came, line ends as "\n", in overlapping windows for `full` rules.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/scan/matcher.h"

namespace postern::scan {

// A match may span at most kOverlapBytes when it lies across a border of windows; within a window
// there is no bound.
class FullText {
 public:
  static constexpr uint32_t kWindowBytes = 32 * 1024;
  static constexpr uint32_t kOverlapBytes = 4 * 1024;

  FullText();
  // Null: nothing asks for the whole text, it is not kept.
  void begin(Matcher* matcher);
  void feed(std::span<const uint8_t> bytes);
  void finish();

 private:
  void put(std::string_view text);
  void next_window();

  Matcher* matcher_ = nullptr;
  std::unique_ptr<char[]> window_;
  uint32_t used_ = 0;
  uint32_t context_ = 0;  // bytes at the window's start that were matched before
  bool carriage_return_ = false;
};

}  // namespace postern::scan
