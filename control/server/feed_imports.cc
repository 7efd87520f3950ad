#include "control/server/feed_imports.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "control/channel/treatment.h"
#include "control/feeds/list_source.h"
#include "control/ledger/all_verdicts.h"
#include "control/server/answers.h"
#include "control/server/clock.h"

namespace postern::server {
namespace {

using channel::v1::Switch;

constexpr std::chrono::seconds kRound{30};

// On one line, as reasons are kept.
std::string plain_text(std::string text) {
  constexpr size_t kMost = 400;
  if (text.size() > kMost) text.resize(kMost);
  std::ranges::replace_if(text, is_control, ' ');
  return text;
}

std::map<IpPrefix, ledger::Verdict> wanted(const FeedImport& feed, const std::string& author) {
  std::map<IpPrefix, ledger::Verdict> out;
  for (const feeds::Entry& entry : feed.entries) {
    std::string reason = feed.name;
    if (!entry.reference.empty()) reason += ": " + plain_text(entry.reference);
    out[entry.prefix] = {.prefix = entry.prefix,
                         .treatment = entry.excluded ? channel::v1::TREATMENT_PASS : feed.treatment,
                         .reason = std::move(reason),
                         .author = author,
                         .set_unix_s = unix_s(),
                         .of = Switch::SWITCH_RANGE_EXCLUSION};
  }
  return out;
}

}  // namespace

bool is_feed_name(std::string_view name) {
  constexpr size_t kLongest = 60;
  return !name.empty() && name.size() <= kLongest && std::ranges::all_of(name, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  });
}

FeedImports::FeedImports(ledger::Ledger& ledger, Gates& gates, VerdictChanges& changes)
    : ledger_(ledger), gates_(gates), changes_(changes), thread_([this] { run(); }) {}

FeedImports::~FeedImports() {
  {
    const std::lock_guard guard(mutex_);
    stopped_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void FeedImports::look() {
  {
    const std::lock_guard guard(mutex_);
    look_ = true;
  }
  wake_.notify_one();
}

// What is to be done for a list, and what an import's reply says of it.
struct FeedImports::Plan {
  std::vector<ledger::Change> changes;
  channel::v1::ImportFeedReply reply;
  uint64_t held = 0;  // by this feed until now
};

std::expected<FeedImports::Plan, std::string> FeedImports::plan(const FeedImport& feed) {
  const std::string author = std::string(kFeedAuthor) + feed.name;
  auto want = wanted(feed, author);
  Plan out;
  CaseReference case_reference;
  const auto all = ledger::for_each_verdict(ledger_, [&](const ledger::Verdict& verdict) {
    if (verdict.of != Switch::SWITCH_RANGE_EXCLUSION) return;
    const auto found = want.find(verdict.prefix);
    if (verdict.author != author) {
      if (found == want.end()) return;
      out.reply.set_set_by_others(out.reply.set_by_others() + 1);
      want.erase(found);
      return;
    }
    ++out.held;
    if (verdict.case_reference) case_reference = verdict.case_reference;
    if (found == want.end()) {
      out.changes.push_back({ledger::Action::kClear,
                             {.prefix = verdict.prefix,
                              .reason = "no longer in the list",
                              .author = author,
                              .set_unix_s = unix_s(),
                              .of = verdict.of}});
      out.reply.set_removed(out.reply.removed() + 1);
    } else if (found->second.treatment == verdict.treatment &&
               found->second.reason == verdict.reason) {
      out.reply.set_unchanged(out.reply.unchanged() + 1);
      want.erase(found);
    } else {
      out.reply.set_changed(out.reply.changed() + 1);
    }
  });
  if (!all) return std::unexpected(all.error());
  out.reply.set_added(want.size() - out.reply.changed());
  if (!case_reference) case_reference = new_case_reference();
  for (auto& [prefix, verdict] : want) {
    if (channel::is_restriction(verdict.treatment)) verdict.case_reference = case_reference;
    out.changes.push_back({ledger::Action::kSet, std::move(verdict)});
  }
  return out;
}

std::expected<channel::v1::ImportFeedReply, ImportFailure> FeedImports::import(
    const FeedImport& feed) {
  const std::lock_guard guard(import_mutex_);
  auto planned = plan(feed);
  if (!planned) return std::unexpected(ImportFailure{false, planned.error()});
  channel::v1::ImportFeedReply& reply = planned->reply;
  const uint64_t kept = reply.unchanged() + reply.changed() + reply.added();
  if (!feed.entries.empty() && kept * 2 < planned->held && !feed.may_shrink) {
    return std::unexpected(ImportFailure{
        true, fmt::format("the list has {} entries and the one in force {}: less than half is "
                          "taken only where that is said to be meant (--may-shrink)",
                          kept, planned->held)});
  }
  reply.set_version(ledger_.version().number);
  if (feed.only_tell || planned->changes.empty()) return reply;
  const auto version = changes_.apply(planned->changes);
  if (!version) return std::unexpected(ImportFailure{false, version.error()});
  spdlog::info("version {}: feed {}: {} added, {} changed, {} removed", *version, feed.name,
               reply.added(), reply.changed(), reply.removed());
  const Gates::InForce known = gates_.wait_until_in_force(*version, kPatience);
  reply.set_version(*version);
  reply.set_attached(known.attached);
  reply.set_in_force(known.in_force);
  return reply;
}

void FeedImports::run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    look_ = false;
    lock.unlock();
    read_due();
    lock.lock();
    wake_.wait_for(lock, kRound, [this] { return stopped_ || look_; });
  }
}

void FeedImports::read_due() {
  const auto sources = ledger_.feeds().all();
  if (!sources) return spdlog::error("followed feeds cannot be read: {}", sources.error());
  for (const ledger::FeedSource& source : *sources) {
    if (source.read_unix_s + source.every_s > unix_s()) continue;
    const ledger::FeedSource now = read(source);
    if (!now.problem.empty() && now.problem != source.problem) {
      spdlog::warn("feed {}: {}; what it excluded before stays in force", now.name, now.problem);
    }
    if (const auto noted = ledger_.feeds().note_reading(now); !noted)
      spdlog::error("feed {}: {}", now.name, noted.error());
  }
}

// Reads the list and puts it in force. Returns how that ended.
ledger::FeedSource FeedImports::read(ledger::FeedSource source) {
  source.read_unix_s = unix_s();
  source.problem.clear();
  const auto format = feeds::parse_format(source.format);
  const auto treatment = channel::parse_treatment(source.treatment);
  const auto text = feeds::read_list(source.path, stopped_);
  if (!format || !treatment || !text) {
    source.problem = text ? "its format or treatment is not known here" : text.error();
    return source;
  }
  auto list = feeds::read_feed(*text, *format, unix_s());
  if (!list) {
    source.problem = source.path + ": " + list.error();
    return source;
  }
  source.entries = list->entries.size();
  source.published_unix_s = list->published_unix_s;
  const auto done =
      import({.name = source.name, .treatment = *treatment, .entries = std::move(list->entries)});
  if (done) {
    source.imported_unix_s = source.read_unix_s;
  } else {
    source.problem = done.error().why;
  }
  return source;
}

}  // namespace postern::server
