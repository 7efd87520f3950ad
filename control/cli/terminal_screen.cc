#include "control/cli/terminal_screen.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace postern::cli {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};

// Set by the handler, which runs only inside wait()'s ppoll.
volatile sig_atomic_t g_ends = 0, g_resized = 0, g_suspended = 0;

void note(int number) {
  if (number == SIGWINCH) {
    g_resized = 1;
  } else if (number == SIGTSTP) {
    g_suspended = 1;
  } else {
    g_ends = 1;
  }
}

// ECMA-48, and xterm's private modes: 1049 another screen, 25 the cursor, 7 lines that wrap.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[?7l";
constexpr std::string_view kLeave = "\x1b[?7h\x1b[?25h\x1b[?1049l";
constexpr std::string_view kHome = "\x1b[H";
constexpr std::string_view kEndOfLine = "\x1b[0m\x1b[K";
constexpr std::string_view kRestOfScreen = "\x1b[J";

std::string_view style(TopLine::Look look) {
  switch (look) {
    case TopLine::Look::kTitle:
      return "\x1b[1m";
    case TopLine::Look::kHeading:
      return "\x1b[7m";
    case TopLine::Look::kAlarm:
      return "\x1b[1;31m";
    case TopLine::Look::kPlain:
      return "";
  }
  return "";
}

void put(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno != EINTR) return;
    if (written > 0) text.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

bool TerminalScreen::possible() {
  const char* const kind = std::getenv("TERM");
  return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && kind != nullptr &&
         std::string_view(kind) != "dumb";
}

std::pair<size_t, size_t> TerminalScreen::columns_and_rows() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
    return {80, 24};
  return {size.ws_col, size.ws_row};
}

TerminalScreen::TerminalScreen() {
  g_ends = 0;
  g_resized = 0;
  g_suspended = 0;
  sigset_t blocked;
  sigemptyset(&blocked);
  for (const int number : kSignals) sigaddset(&blocked, number);
  pthread_sigmask(SIG_BLOCK, &blocked, &signals_before_);
  for (const int number : kSignals) {
    struct sigaction now {
    }, before{};
    now.sa_handler = note;
    sigaction(number, &now, &before);
    handlers_before_.emplace_back(number, before);
  }
  tcgetattr(STDIN_FILENO, &before_);
  enter();
}

TerminalScreen::~TerminalScreen() {
  leave();
  for (const auto& [number, before] : handlers_before_) sigaction(number, &before, nullptr);
  pthread_sigmask(SIG_SETMASK, &signals_before_, nullptr);
}

void TerminalScreen::enter() {
  termios now = before_;
  now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  now.c_cc[VMIN] = 0;
  now.c_cc[VTIME] = 0;
  tcsetattr(STDIN_FILENO, TCSANOW, &now);
  put(kEnter);
}

void TerminalScreen::leave() {
  put(kLeave);
  tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

void TerminalScreen::draw(const std::vector<TopLine>& lines) {
  std::string out(kHome);
  for (size_t i = 0; i < lines.size(); ++i) {
    out += fmt::format("{}{}{}{}", i == 0 ? "" : "\r\n", style(lines[i].look), lines[i].text,
                       kEndOfLine);
  }
  out += kRestOfScreen;
  put(out);
}

TerminalScreen::Key TerminalScreen::wait(std::chrono::milliseconds patience) {
  if (!pending_.empty()) return next_key();
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  const timespec time{patience.count() / 1000, patience.count() % 1000 * 1'000'000};
  const int ready = ppoll(&input, 1, &time, &signals_before_);
  if (g_ends) return Key::kQuit;
  if (g_suspended) {
    g_suspended = 0;
    leave();
    raise(SIGSTOP);
    enter();
    return Key::kResized;
  }
  if (g_resized) {
    g_resized = 0;
    return Key::kResized;
  }
  if (ready <= 0) return Key::kNone;
  return read_keys() ? next_key() : Key::kQuit;  // else the terminal is gone
}

bool TerminalScreen::read_keys() {
  char pressed[64];
  const ssize_t count = read(STDIN_FILENO, pressed, sizeof pressed);
  if (count > 0) pending_.append(pressed, static_cast<size_t>(count));
  return count > 0;
}

// Takes the first of those pressed. What is no key of ours is kNone.
TerminalScreen::Key TerminalScreen::next_key() {
  static constexpr std::pair<std::string_view, Key> kKeys[] = {
      {"\x1b[A", Key::kUp},      {"\x1b[B", Key::kDown},
      {"\x1b[5~", Key::kPageUp}, {"\x1b[6~", Key::kPageDown},
      {"q", Key::kQuit},         {"s", Key::kSort},
      {"p", Key::kPause},        {"?", Key::kHelp},
      {"h", Key::kHelp},         {"k", Key::kUp},
      {"j", Key::kDown}};
  for (const auto& [octets, key] : kKeys) {
    if (!pending_.starts_with(octets)) continue;
    pending_.erase(0, octets.size());
    return key;
  }
  pending_.erase(0, 1);
  return Key::kNone;
}

}  // namespace postern::cli
