#include "control/api/access.h"

#include <algorithm>
#include <ranges>

namespace postern::api {

uint32_t& RateLimit::row(const std::string& address, uint64_t now_unix_s) {
  if (const uint64_t window = now_unix_s / window_s_; window != window_) {
    window_ = window;
    counts_.clear();
    others_ = 0;
  }
  if (const auto there = counts_.find(address); there != counts_.end()) return there->second;
  return counts_.size() < most_addresses_ ? counts_[address] : others_;
}

bool RateLimit::exhausted(const std::string& address, uint64_t now_unix_s) {
  const std::lock_guard guard(lock_);
  return row(address, now_unix_s) >= most_;
}

void RateLimit::count(const std::string& address, uint64_t now_unix_s) {
  const std::lock_guard guard(lock_);
  ++row(address, now_unix_s);
}

bool RateLimit::take(const std::string& address, uint64_t now_unix_s) {
  const std::lock_guard guard(lock_);
  uint32_t& taken = row(address, now_unix_s);
  if (taken >= most_) return false;
  ++taken;
  return true;
}

std::string Sessions::open(const ledger::TokenHash& token, uint64_t now_unix_s) {
  std::string cookie = ledger::new_token();
  const std::lock_guard guard(lock_);
  std::erase_if(sessions_,
                [&](const auto& row) { return row.second.used_unix_s + idle_s_ <= now_unix_s; });
  if (sessions_.size() >= most_) {
    sessions_.erase(std::ranges::min_element(
        sessions_, {}, [](const auto& row) { return row.second.used_unix_s; }));
  }
  sessions_[ledger::hash_of(cookie)] = {token, now_unix_s};
  return cookie;
}

std::optional<ledger::TokenHash> Sessions::use(std::string_view cookie, uint64_t now_unix_s) {
  const ledger::TokenHash name = ledger::hash_of(cookie);
  const std::lock_guard guard(lock_);
  const auto found = sessions_.find(name);
  if (found == sessions_.end()) return std::nullopt;
  if (found->second.used_unix_s + idle_s_ <= now_unix_s) {
    sessions_.erase(found);
    return std::nullopt;
  }
  found->second.used_unix_s = now_unix_s;
  return found->second.token;
}

void Sessions::close(std::string_view cookie) {
  const ledger::TokenHash name = ledger::hash_of(cookie);
  const std::lock_guard guard(lock_);
  sessions_.erase(name);
}

std::string_view cookie_value(std::string_view header, std::string_view name) {
  for (const auto part : std::views::split(header, ';')) {
    std::string_view pair(part.begin(), part.end());
    pair.remove_prefix(std::min(pair.find_first_not_of(' '), pair.size()));
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
      return pair.substr(name.size() + 1);
  }
  return {};
}

std::string_view bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "Bearer ";
  return authorization.starts_with(kScheme) ? authorization.substr(kScheme.size())
                                            : std::string_view();
}

}  // namespace postern::api
