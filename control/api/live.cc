#include "control/api/live.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/api/asking.h"
#include "control/channel/json.h"
#include "control/server/clock.h"

namespace postern::api {
namespace {

using namespace std::chrono_literals;
using nlohmann::ordered_json;

constexpr size_t kLongestQueue = 64;
constexpr uint32_t kEventsAtOnce = 100;
constexpr uint32_t kCasesAtOnce = 50;

std::string text_of(const ordered_json& json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace

std::string live_message(std::string_view event, std::string_view data) {
  return fmt::format("event: {}\ndata: {}\n\n", event, data);
}

std::optional<std::string> Live::Listener::next(std::chrono::milliseconds heartbeat) {
  std::unique_lock guard(lock_);
  woken_.wait_for(guard, heartbeat, [this] { return ended_ || !queue_.empty(); });
  if (ended_) return std::nullopt;
  if (queue_.empty()) return ": still here\n\n";
  std::string text = std::move(queue_.front());
  queue_.pop_front();
  return text;
}

void Live::Listener::put(const std::string& text) {
  {
    const std::lock_guard guard(lock_);
    if (queue_.size() >= kLongestQueue) ended_ = true;
    if (!ended_) queue_.push_back(text);
  }
  woken_.notify_one();
}

void Live::Listener::end() {
  {
    const std::lock_guard guard(lock_);
    ended_ = true;
  }
  woken_.notify_one();
}

Live::Live(Desks& desks, size_t most_listeners)
    : desks_(desks), most_listeners_(most_listeners), thread_([this] { run(); }) {}

Live::~Live() {
  end();
  thread_.join();
}

std::shared_ptr<Live::Listener> Live::listen() {
  auto listener = std::make_shared<Listener>();
  {
    const std::lock_guard guard(lock_);
    if (ended_ || listeners_.size() >= most_listeners_) return nullptr;
    listeners_.push_back(listener);
    asked_ = true;
  }
  woken_.notify_one();
  return listener;
}

void Live::leave(const std::shared_ptr<Listener>& listener) {
  const std::lock_guard guard(lock_);
  listeners_.remove(listener);
}

void Live::end() {
  {
    const std::lock_guard guard(lock_);
    ended_ = true;
    for (const auto& listener : listeners_) listener->end();
  }
  woken_.notify_one();
}

void Live::run() {
  std::unique_lock guard(lock_);
  while (true) {
    // Nobody there: nothing is asked.
    woken_.wait(guard, [this] { return ended_ || !listeners_.empty(); });
    woken_.wait_for(guard, 1s, [this] { return ended_ || asked_; });
    if (ended_) return;
    asked_ = false;
    guard.unlock();
    const std::string text = look();
    guard.lock();
    for (const auto& listener : listeners_) listener->put(text);
  }
}

std::string Live::look() {
  using namespace channel::v1;
  std::string out;
  if (const auto status = ask(desks_.verdicts, &Operator::Stub::Status, StatusRequest()))
    out += live_message("status", text_of(channel::to_json(*status, server::unix_ms())));

  ListEventsRequest newest;
  newest.set_limit(kEventsAtOnce);
  if (const auto reply = ask(desks_.verdicts, &Operator::Stub::ListEvents, newest)) {
    std::deque<std::string> now;
    ordered_json fresh = ordered_json::array();
    for (const Event& event : reply->events()) {
      now.push_back(event.SerializeAsString());
      if (looked_ && std::ranges::find(seen_events_, now.back()) == seen_events_.end())
        fresh.push_back(channel::to_json(event));
    }
    seen_events_ = std::move(now);
    if (!fresh.empty()) out += live_message("events", text_of(fresh));
  }

  ListCasesRequest changed;
  changed.set_limit(kCasesAtOnce);
  if (const auto reply = ask(desks_.cases, &CaseDesk::Stub::ListCases, changed)) {
    ordered_json fresh = ordered_json::array();
    uint64_t latest = seen_case_change_;
    for (const CaseSummary& row : reply->cases()) {
      // Two changes within a second: the later one is told again, which does no harm.
      if (looked_ && row.changed_unix_s() >= seen_case_change_ && seen_case_change_ != 0 &&
          row.changed_unix_s() + 2 > server::unix_s())
        fresh.push_back(channel::to_json(row));
      latest = std::max(latest, row.changed_unix_s());
    }
    seen_case_change_ = std::max<uint64_t>(latest, 1);
    if (!fresh.empty()) out += live_message("cases", text_of(fresh));
  }
  looked_ = true;
  return out.empty() ? std::string(": the desks do not answer\n\n") : out;
}

}  // namespace postern::api
