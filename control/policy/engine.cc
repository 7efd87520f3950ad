#include "control/policy/engine.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <ranges>

#include "control/cases/subject.h"

namespace postern::policy {
namespace {

constexpr size_t kMostRecent = 20;
constexpr uint32_t kMostEvents = 20'000;  // of the ledger, at the start
constexpr uint64_t kVolumeIsGoodFor_s = 3600;

uint64_t time_of(const channel::v1::Event& event, uint64_t now_unix_s) {
  return std::min(event.wall_us() / 1'000'000, now_unix_s);
}

}  // namespace

size_t Engine::Hash::operator()(const IpAddress& address) const {
  const auto& bytes = address.bytes();
  return std::hash<std::string_view>{}({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Engine::Engine(ledger::Ledger& ledger, Apply apply, Told told, Settings settings,
               uint64_t now_unix_s)
    : ledger_(ledger),
      settings_(std::move(settings)),
      told_(std::move(told)),
      enforcement_(
          ledger, std::move(apply),
          [this](CaseReference about, const std::string& what) {
            untold_.push_back({about, what});
          },
          settings_) {
  begin_with_the_ledger(now_unix_s);
  thread_ = std::thread([this] { run(); });
}

Engine::~Engine() {
  {
    const std::lock_guard guard(mutex_);
    stopped_ = true;
  }
  asked_.notify_one();
  thread_.join();
}

void Engine::begin_with_the_ledger(uint64_t now_unix_s) {
  const auto events = ledger_.events({.limit = kMostEvents});
  const auto closed = ledger_.cases().list({.state = ledger::CaseState::kClosed, .limit = 10'000});
  if (!events || !closed) {
    spdlog::error("the policy begins with nothing: {}", events ? closed.error() : events.error());
    return;
  }
  for (const channel::v1::Event& event : *events | std::views::reverse) {
    const auto client = IpAddress::parse(event.client());
    const uint64_t at = time_of(event, now_unix_s);
    if (!client || at + kLongestWindow_s <= now_unix_s) continue;
    const bool is_forgiven = std::ranges::any_of(*closed, [&](const ledger::Case& about) {
      return at <= about.closed_unix_s && cases::concerns(about.subject, event);
    });
    if (is_forgiven) continue;
    Server& server = server_of(*client);
    if (server.window.add(event, at) != ServerWindow::News::kSpam) continue;
    remember(server, event);
    due_.insert(*client);  // it may have been stored by a process that ended before it was judged
  }
}

void Engine::add(Task task) {
  {
    const std::lock_guard guard(mutex_);
    if (tasks_.size() >= kMostQueued && std::holds_alternative<Batch>(task)) {
      if (dropped_++ == 0)
        spdlog::error("the policy does not keep up with events: some are not judged");
      return;
    }
    tasks_.push_back(std::move(task));
  }
  asked_.notify_one();
}

void Engine::observe(const channel::v1::EventBatch& batch, uint64_t now_unix_s) {
  add(Batch{batch, now_unix_s});
}

void Engine::forgive(CaseReference reference) { add(reference); }

void Engine::look(uint64_t now_unix_s) { add(Look{now_unix_s}); }

void Engine::drain() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return tasks_.empty() && !busy_; });
}

uint64_t Engine::batches_dropped() const {
  const std::lock_guard guard(mutex_);
  return dropped_;
}

void Engine::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    asked_.wait(lock, [this] { return stopped_ || !tasks_.empty(); });
    if (stopped_) return;
    const Task task = std::move(tasks_.front());
    tasks_.pop_front();
    busy_ = true;
    lock.unlock();
    std::visit([this](const auto& what) { work(what); }, task);
    tell();
    lock.lock();
    busy_ = false;
    if (tasks_.empty()) idle_.notify_all();
  }
}

Engine::Server& Engine::server_of(const IpAddress& address) {
  const auto found = servers_.find(address);
  if (found != servers_.end()) return found->second;
  if (servers_.size() >= kMostServers) {
    // A tenth at once: choosing one is as dear as choosing many.
    std::vector<std::tuple<bool, uint64_t, IpAddress>> order;
    for (const auto& [other, server] : servers_)
      order.emplace_back(!server.window.is_clean(), server.window.last_seen_s(), other);
    const auto some = order.begin() + static_cast<std::ptrdiff_t>(kMostServers / 10);
    std::ranges::nth_element(order, some);
    for (auto row = order.begin(); row != some; ++row) servers_.erase(std::get<2>(*row));
  }
  return servers_[address];
}

void Engine::remember(Server& server, const channel::v1::Event& spam) {
  server.recent.push_back(spam);
  if (server.recent.size() > kMostRecent) server.recent.pop_front();
}

void Engine::tell() {
  for (const Change& change : std::exchange(untold_, {})) told_(change.about, change.what);
}

void Engine::work(const Batch& batch) {
  std::set<IpAddress> news;
  for (const channel::v1::Event& event : batch.events.events()) {
    const auto client = IpAddress::parse(event.client());
    if (!client) continue;
    Server& server = server_of(*client);
    const auto what = server.window.add(event, time_of(event, batch.now_unix_s));
    if (what == ServerWindow::News::kNone) continue;
    news.insert(*client);
    if (what != ServerWindow::News::kSpam) continue;
    remember(server, event);
    if (const auto kept = enforcement_.keep(*client, event); !kept)
      spdlog::error("evidence about {} is not kept: {}", client->to_string(), kept.error());
  }
  for (const IpAddress& address : news) judge_server(address, batch.now_unix_s);
}

void Engine::judge_server(const IpAddress& address, uint64_t now_unix_s) {
  Server& server = server_of(address);
  const auto fail = [&](const std::string& why) {
    spdlog::error("what {} did has no consequences yet: {}; it is tried again", address.to_string(),
                  why);
    due_.insert(address);
  };
  if (server.volume_at_s == 0 || server.volume_at_s + kVolumeIsGoodFor_s <= now_unix_s) {
    const auto volume = enforcement_.volume_of(address, now_unix_s);
    if (!volume) return fail(volume.error());
    server.volume = *volume;
    server.volume_at_s = now_unix_s;
  }
  const auto blocked = enforcement_.blocked_parts(address);
  if (!blocked) return fail(blocked.error());
  due_.erase(address);
  const std::vector<channel::v1::Event> recent(server.recent.begin(), server.recent.end());
  for (const Finding& finding :
       judge(server.window, server.volume, settings_, *blocked, now_unix_s)) {
    const auto done = enforcement_.act(address, finding, recent, now_unix_s);
    if (!done) return fail(done.error());
    if (*done == Enforcement::Outcome::kForgiven) server.window.forgive(finding.part);
  }
}

void Engine::work(CaseReference reference) {
  const auto about = ledger_.cases().find(reference);
  if (!about || !*about) return;
  const ledger::Subject& subject = (*about)->subject;
  const auto server = servers_.find(subject.server.address);
  const auto part = SenderPart::parse(subject.part);
  if (server == servers_.end() || !part) return;
  server->second.window.forgive(*part);
  std::erase_if(server->second.recent,
                [&](const channel::v1::Event& event) { return cases::concerns(subject, event); });
}

void Engine::work(const Look& look) {
  for (const IpAddress& address : std::exchange(due_, {})) judge_server(address, look.now_unix_s);
  std::erase_if(servers_, [&](const auto& entry) {
    return entry.second.window.last_seen_s() + kLongestWindow_s <= look.now_unix_s;
  });
  const auto is_quiet = [&](const IpAddress& address) {
    const auto server = servers_.find(address);
    return server == servers_.end() ||
           server->second.window
                   .whole(std::min(settings_.close_after_s, kLongestWindow_s), look.now_unix_s)
                   .spam == 0;
  };
  if (const auto closed = enforcement_.close_quiet(is_quiet, look.now_unix_s); !closed)
    spdlog::error("cases that are over stay open: {}", closed.error());
}

}  // namespace postern::policy
