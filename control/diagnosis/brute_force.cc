#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "control/diagnosis/rules.h"
#include "control/diagnosis/shown.h"

namespace postern::diagnosis {
namespace {

// Accounts that are tried because every system might have them.
bool is_guessed(std::string_view user) {
  user = user.substr(0, user.find('@'));
  static constexpr std::string_view kNames[] = {"admin",   "administrator", "guest",  "info",
                                                "test",    "test1",         "user",   "demo",
                                                "support", "scanner",       "backup", "root"};
  return std::ranges::find(kNames, user) != std::end(kNames);
}

struct Tries {
  uint64_t failed = 0;
  std::map<IpAddress, uint64_t> by;
  std::set<std::string> users, guessed;
  std::vector<Line> lines;
};

Tries tries_in(std::span<const channel::v1::Event> events) {
  Tries out;
  for (const channel::v1::Event& event : events) {
    if (event.kind() != "session" || event.session().failed_logins() == 0) continue;
    out.failed += event.session().failed_logins();
    if (const auto client = IpAddress::parse(event.client()))
      out.by[*client] += event.session().failed_logins();
    if (!event.auth_user().empty()) {
      const std::string user = name(event.auth_user());
      out.users.insert(user);
      if (is_guessed(user)) out.guessed.insert(user);
    }
    if (out.lines.size() < kMostLines) {
      out.lines.push_back(line_of(
          event, fmt::format("{} at {}", count(event.session().failed_logins(), "failed login"),
                             name(event.server()))));
    }
  }
  return out;
}

}  // namespace

std::optional<Finding> brute_force(std::span<const channel::v1::Event> sessions,
                                   std::string_view where) {
  const Tries tries = tries_in(sessions);
  if (tries.failed < 10 && tries.guessed.size() < 2) return {};
  Finding out{.kind = Kind::kBruteForce, .score = 30, .lines = tries.lines};
  out.grounds.push_back(fmt::format("{}: 30 points", count(tries.failed, "failed login")));
  const auto sign = [&](bool shown, std::string what) {
    if (!shown) return;
    out.score += kSignPoints;
    out.grounds.push_back(fmt::format("{}: {} points", what, kSignPoints));
  };
  sign(tries.failed >= 100, "100 or more");
  sign(tries.failed >= 1000, "1,000 or more");
  sign(tries.users.size() >= 5, fmt::format("{} different accounts", tries.users.size()));
  sign(!tries.guessed.empty(), "accounts that every system might have");
  sign(tries.by.size() >= 5, fmt::format("from {} addresses", tries.by.size()));
  out.confidence = confidence_of(out.score);
  const std::vector<IpAddress> addresses = most_first(tries.by);
  out.addresses = first_of(addresses);
  out.text = fmt::format("Passwords are being tried {}: {} by {}.", where,
                         count(tries.failed, "failed login"), list(addresses));
  if (!tries.guessed.empty()) {
    std::string names;
    for (const std::string& guess : tries.guessed)
      names += fmt::format("{}{}", names.empty() ? "" : ", ", guess);
    out.text.pop_back();
    out.text += fmt::format("; the accounts {} were tried.", names);
  }
  return out;
}

}  // namespace postern::diagnosis
