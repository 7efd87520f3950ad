#include "control/policy/windows.h"

#include <algorithm>
#include <charconv>
#include <functional>

#include "control/cases/subject.h"

namespace postern::policy {
namespace {

constexpr uint64_t kMinute_s = 60, kQuarter_s = 900, kHour_s = 3600;

// The data plane's fingerprint; of what has none (refused before its text came) its envelope's.
uint64_t fingerprint_of(const channel::v1::Event& event) {
  uint64_t out = 0;
  const std::string& hash = event.content_hash();
  const auto [end, error] = std::from_chars(hash.data(), hash.data() + hash.size(), out, 16);
  if (!hash.empty() && error == std::errc() && end == hash.data() + hash.size()) return out;
  std::string envelope = event.mail_from();
  for (const std::string& recipient : event.recipients()) envelope += "\n" + recipient;
  return std::hash<std::string>{}(envelope + hash);
}

}  // namespace

SenderPart user_of(const channel::v1::Event& event) {
  const channel::v1::Origin& origin = event.origin();
  const std::string& name =
      !event.auth_user().empty() || origin.auth() != "yes" ? event.auth_user() : origin.user();
  if (name.empty()) return {};
  return SenderPart::user(name).value_or(SenderPart());
}

SenderPart injector_of(const channel::v1::Event& event) {
  if (event.origin().confidence() != "high" || event.origin().ip().empty()) return {};
  const auto address = IpAddress::parse(event.origin().ip());
  // What a server hands in to itself (a script, a webmail) separates nothing.
  if (!address || event.origin().ip() == event.client() || event.origin().ip() == "::1" ||
      event.origin().ip().starts_with("127."))
    return {};
  return SenderPart::from(IpPrefix::host(*address));
}

void Tally::add(uint64_t now_s, uint64_t n) {
  const auto into = [](std::deque<Bucket>& buckets, uint64_t begin_s, uint64_t more) {
    if (buckets.empty() || buckets.back().begin_s < begin_s) buckets.push_back({begin_s, 0});
    buckets.back().n += more;
  };
  into(minutes_, now_s / kMinute_s * kMinute_s, n);
  while (minutes_.front().begin_s + kHour_s + kQuarter_s <= now_s) {
    into(quarters_, minutes_.front().begin_s / kQuarter_s * kQuarter_s, minutes_.front().n);
    minutes_.pop_front();
  }
  while (!quarters_.empty() && quarters_.front().begin_s + kLongestWindow_s + kQuarter_s <= now_s)
    quarters_.pop_front();
}

uint64_t Tally::in_last(uint64_t window_s, uint64_t now_s) const {
  uint64_t sum = 0;
  for (const auto* buckets : {&minutes_, &quarters_}) {
    for (const Bucket& bucket : *buckets)
      if (bucket.begin_s + window_s > now_s) sum += bucket.n;
  }
  return sum;
}

bool ServerWindow::keep(std::deque<Seen>& list, std::unordered_set<uint64_t>& known, Seen seen,
                        size_t most) {
  if (!known.insert(seen.fingerprint).second) return false;
  list.push_back(seen);
  if (list.size() > most) {
    known.erase(list.front().fingerprint);
    list.pop_front();
  }
  return true;
}

void ServerWindow::forget(uint64_t now_s) {
  for (auto [list, known] :
       {std::pair(&spam_, &known_spam_), std::pair(&deferred_, &known_deferred_)}) {
    while (!list->empty() && list->front().at_s + kLongestWindow_s <= now_s) {
      known->erase(list->front().fingerprint);
      list->pop_front();
    }
  }
}

ServerWindow::Mail& ServerWindow::mail_of(const SenderPart& part) {
  const auto found = parts_.find(part);
  if (found != parts_.end()) return found->second;
  if (parts_.size() >= kMostParts) {
    parts_.erase(std::ranges::min_element(parts_, {},
                                          [](const auto& entry) { return entry.second.last_s; }));
  }
  return parts_[part];
}

ServerWindow::News ServerWindow::add(const channel::v1::Event& event, uint64_t now_s) {
  now_s = last_s_ = std::max(now_s, last_s_);
  forget(now_s);
  if (event.kind() == "session") {
    if (event.session().failed_logins() == 0) return News::kNone;
    failed_logins_.add(now_s, event.session().failed_logins());
    return News::kOther;
  }
  const bool of_a_part =
      event.held_by().starts_with("user:") || event.held_by().starts_with("from:");
  if (event.outcome() == "refused_verdict") {
    if (of_a_part) return News::kNone;
    attempts_.add(now_s, 1);
    return News::kOther;
  }
  const Seen seen{now_s, fingerprint_of(event), user_of(event), injector_of(event)};
  if (cases::is_spam(event))
    return keep(spam_, known_spam_, seen, kMostSpam) ? News::kSpam : News::kNone;
  bool news = false;
  if (event.outcome().starts_with("deferred")) {
    keep(deferred_, known_deferred_, seen, kMostDeferred);
  } else if (event.outcome() == "forwarded") {
    forwarded_.add(now_s, 1);
    for (const SenderPart& part : {seen.user, seen.from}) {
      if (part.is_whole()) continue;
      Mail& mail = mail_of(part);
      mail.forwarded.add(now_s, 1);
      mail.last_s = now_s;
    }
    if (event.null_sender()) {
      null_senders_.add(now_s, 1);
      news = true;
    }
  }
  if (event.recipients_rejected() > 0) {
    rejected_.add(now_s, event.recipients_rejected());
    news = true;
  }
  return news ? News::kOther : News::kNone;
}

Counts ServerWindow::whole(uint64_t window_s, uint64_t now_s,
                           const std::vector<SenderPart>& without) const {
  const auto count = [&](const std::deque<Seen>& list) {
    return static_cast<uint64_t>(std::ranges::count_if(list, [&](const Seen& seen) {
      return seen.at_s + window_s > now_s && !seen.is_of_any(without);
    }));
  };
  Counts out{.spam = count(spam_),
             .rejected = rejected_.in_last(window_s, now_s),
             .null_senders = null_senders_.in_last(window_s, now_s),
             .failed_logins = failed_logins_.in_last(window_s, now_s),
             .attempts = attempts_.in_last(window_s, now_s)};
  uint64_t forwarded = forwarded_.in_last(window_s, now_s);
  for (const SenderPart& part : without) {
    const auto mail = parts_.find(part);
    if (mail != parts_.end())
      forwarded -= std::min(forwarded, mail->second.forwarded.in_last(window_s, now_s));
  }
  out.messages = out.spam + forwarded + count(deferred_);
  return out;
}

Counts ServerWindow::part(const SenderPart& part, uint64_t window_s, uint64_t now_s) const {
  const auto count = [&](const std::deque<Seen>& list) {
    return static_cast<uint64_t>(std::ranges::count_if(
        list, [&](const Seen& seen) { return seen.at_s + window_s > now_s && seen.is_of(part); }));
  };
  Counts out{.spam = count(spam_)};
  out.messages = out.spam + count(deferred_);
  if (const auto mail = parts_.find(part); mail != parts_.end())
    out.messages += mail->second.forwarded.in_last(window_s, now_s);
  return out;
}

std::vector<ServerWindow::PartSpam> ServerWindow::parts(
    uint64_t window_s, uint64_t now_s, const std::vector<SenderPart>& without) const {
  std::map<SenderPart, uint64_t> spam;
  for (const Seen& seen : spam_) {
    if (seen.at_s + window_s <= now_s || seen.is_of_any(without)) continue;
    for (const SenderPart& part : {seen.user, seen.from})
      if (!part.is_whole()) ++spam[part];
  }
  std::vector<PartSpam> out;
  for (const auto& [part, n] : spam) out.push_back({part, n});
  std::ranges::stable_sort(out, [](const PartSpam& a, const PartSpam& b) {
    if (a.part.kind() != b.part.kind()) return a.part.kind() < b.part.kind();
    return a.spam > b.spam;
  });
  return out;
}

void ServerWindow::forgive(const SenderPart& part) {
  if (part.is_whole()) {
    const uint64_t last = last_s_;
    *this = {};
    last_s_ = last;
    return;
  }
  std::erase_if(spam_, [&](const Seen& seen) {
    const bool is_it = seen.is_of(part);
    if (is_it) known_spam_.erase(seen.fingerprint);
    return is_it;
  });
}

}  // namespace postern::policy
