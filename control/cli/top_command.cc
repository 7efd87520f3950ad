#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <deque>
#include <iterator>
#include <memory>
#include <thread>
#include <tuple>

#include "base/duration.h"
#include "control/channel/cases.grpc.pb.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/terminal_screen.h"
#include "control/cli/top_view.h"
#include "control/cli/verdict_text.h"

namespace postern::cli {
namespace {

using namespace channel::v1;
using std::chrono::milliseconds;

constexpr milliseconds kSoonest{100};

struct TopOptions : ControlOptions {
  std::string every = "2s", order = "messages";
  uint32_t count = 200;
  bool once = false;
};

TopOrder order_of(const std::string& name) {
  const auto found = std::ranges::find(kTopOrderNames, name);
  return static_cast<TopOrder>(found - std::begin(kTopOrderNames));
}

// Asks the control process what there is to see.
class Looks {
 public:
  explicit Looks(const TopOptions& options)
      : socket_(options.socket), count_(options.count), control_(socket_, &trouble_) {}

  // What it does not answer stays as it was.
  void look(TopOrder order) {
    constexpr milliseconds kPatience{1000};  // keys wait meanwhile
    TopFrame now;
    ListCasesRequest cases;
    cases.set_only_unclosed(true);
    cases.set_limit(10'000);
    ListSendersRequest senders;
    senders.set_since_unix_s(static_cast<uint64_t>(std::time(nullptr)) - 3600);
    senders.set_order(order == TopOrder::kMessages  ? "messages"
                      : order == TopOrder::kAddress ? "address"
                                                    : "spam");
    senders.set_limit(count_);
    const bool answered =
        control_.ask(&Operator::Stub::Status, StatusRequest(), &now.status, kPatience) == kOk &&
        control_.ask(&CaseDesk::Stub::ListCases, cases, &now.cases, kPatience) == kOk &&
        control_.ask(&CaseDesk::Stub::ListSenders, senders, &now.senders, kPatience) == kOk;
    if (!answered) {
      frame_.away = trouble_;
      rates_.clear();
      past_.clear();
      control_ = ControlConnection(socket_, &trouble_);  // gRPC would wait longer and longer
      return;
    }
    const auto time = std::chrono::system_clock::now().time_since_epoch();
    now.at_unix_ms = static_cast<uint64_t>(std::chrono::duration_cast<milliseconds>(time).count());
    if (frame_.at_unix_ms != 0) past_.push_back(std::move(frame_));
    while (past_.size() > 1 && past_[1].at_unix_ms + kSpan_ms <= now.at_unix_ms) past_.pop_front();
    if (!past_.empty()) rates_ = top_rates(past_.front(), now);
    frame_ = std::move(now);
  }
  const TopFrame& frame() const { return frame_; }
  const std::map<std::string, TopRate>& rates() const { return rates_; }

 private:
  const std::string socket_;
  const uint32_t count_;
  std::string trouble_;
  ControlConnection control_;
  // Data planes report about once a second: over several of them, a report that comes early or
  // late changes little.
  static constexpr uint64_t kSpan_ms = 5000;
  TopFrame frame_;
  std::deque<TopFrame> past_;
  std::map<std::string, TopRate> rates_;
};

void show_on(TerminalScreen& terminal, Looks& looks, TopScreen screen, milliseconds every) {
  using Key = TerminalScreen::Key;
  using Clock = std::chrono::steady_clock;
  auto due = Clock::now();
  for (;;) {
    if (Clock::now() >= due) {
      if (!screen.paused) looks.look(screen.order);
      due = Clock::now() + every;
    }
    std::tie(screen.columns, screen.rows) = TerminalScreen::columns_and_rows();
    terminal.draw(top_lines(looks.frame(), looks.rates(), screen));
    const auto rest = std::chrono::ceil<milliseconds>(due - Clock::now());
    const auto senders = static_cast<size_t>(looks.frame().senders.senders_size());
    const size_t last = senders == 0 ? 0 : senders - 1;
    const size_t page = std::max<size_t>(screen.rows / 2, 1);
    switch (terminal.wait(std::max(rest, milliseconds(0)))) {
      case Key::kQuit:
        return;
      case Key::kSort:
        screen.order = static_cast<TopOrder>((static_cast<size_t>(screen.order) + 1) %
                                             std::size(kTopOrderNames));
        due = Clock::now();  // control may list others then
        break;
      case Key::kPause:
        screen.paused = !screen.paused;
        break;
      case Key::kHelp:
        screen.help = !screen.help;
        break;
      case Key::kUp:
        screen.scroll -= std::min<size_t>(screen.scroll, 1);
        break;
      case Key::kDown:
        screen.scroll = std::min(screen.scroll + 1, last);
        break;
      case Key::kPageUp:
        screen.scroll -= std::min(screen.scroll, page);
        break;
      case Key::kPageDown:
        screen.scroll = std::min(screen.scroll + page, last);
        break;
      case Key::kResized:
      case Key::kNone:
        break;
    }
  }
}

int print_once(const Looks& looks, const TopOptions& options, TopOrder order) {
  if (!looks.frame().away.empty()) return complain(looks.frame().away, kUnreachable);
  if (options.json) {
    print(top_json(looks.frame(), looks.rates(), order));
    return kOk;
  }
  // No screen to fit into.
  for (const TopLine& line :
       top_lines(looks.frame(), looks.rates(), {.columns = 1000, .order = order}))
    fmt::print("{}\n", line.text);
  return kOk;
}

// A line for each look, until it is ended from outside; one that had no answer says so.
[[noreturn]] void print_on(Looks& looks, TopOrder order, milliseconds every) {
  for (;;) {
    std::this_thread::sleep_for(every);
    looks.look(order);
    const auto json = top_json(looks.frame(), looks.rates(), order);
    fmt::print("{}\n", json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
    fflush(stdout);
  }
}

int top(const TopOptions& options) {
  const auto every = parse_duration(options.every);
  if (!every || *every < kSoonest)
    return complain("--every: " + (every ? "100ms is the soonest" : every.error()), kUsage);
  const TopOrder order = order_of(options.order);
  Looks looks(options);
  if (!options.json && !options.once && TerminalScreen::possible()) {
    TerminalScreen terminal;
    show_on(terminal, looks, {.order = order}, *every);
    return kOk;
  }
  looks.look(order);  // what happens in a second takes two looks
  if (options.json && !options.once) print_on(looks, order, *every);
  if (looks.frame().away.empty()) {
    std::this_thread::sleep_for(*every);
    looks.look(order);
  }
  return print_once(looks, options, order);
}

}  // namespace

void add_top_command(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<TopOptions>();
  CLI::App* command = app.add_subcommand(
      "top", "Data planes, cases and senders, live; s sorts, p pauses, ? helps, q quits");
  options->add_to(*command);
  command->add_option("--every", options->every, "How often to look")
      ->type_name("DURATION")
      ->capture_default_str();
  command->add_option("--by", options->order, "messages, spam, share or address")
      ->type_name("ORDER")
      ->check(CLI::IsMember(
          std::vector<std::string>(std::begin(kTopOrderNames), std::end(kTopOrderNames))))
      ->capture_default_str();
  command->add_option("--count", options->count, "So many senders at the most")
      ->type_name("N")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command->add_flag("--once", options->once,
                    "Print it once, as text; so it is where there is no terminal");
  command->callback([options, exit_code] { *exit_code = top(*options); });
}

}  // namespace postern::cli
