// A terminal taken over for a while: a screen of its own, keys as they are pressed.
#pragma once

#include <signal.h>
#include <termios.h>

#include <chrono>
#include <string>
#include <vector>

#include "control/cli/top_view.h"

namespace postern::cli {

// One at a time, in a program with one thread that reads keys. The terminal is as before when it is
// destroyed, and while the program is suspended; SIGINT, SIGTERM, SIGHUP and SIGQUIT are keys here.
class TerminalScreen {
 public:
  enum class Key { kNone, kQuit, kSort, kPause, kHelp, kUp, kDown, kPageUp, kPageDown, kResized };

  TerminalScreen();
  ~TerminalScreen();
  TerminalScreen(const TerminalScreen&) = delete;
  TerminalScreen& operator=(const TerminalScreen&) = delete;

  // Standard input and output are terminals that can do this.
  static bool possible();
  // In characters, as it is now.
  static std::pair<size_t, size_t> columns_and_rows();

  void draw(const std::vector<TopLine>& lines);
  // The next key, or kNone after `patience`.
  Key wait(std::chrono::milliseconds patience);

 private:
  void enter();
  void leave();
  bool read_keys();
  Key next_key();

  std::string pending_;  // pressed, not taken yet
  termios before_{};
  sigset_t signals_before_{};
  std::vector<std::pair<int, struct sigaction>> handlers_before_;
};

}  // namespace postern::cli
