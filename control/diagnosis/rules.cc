#include "control/diagnosis/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>

#include "base/plain_text.h"
#include "control/diagnosis/shown.h"

namespace postern::diagnosis {
namespace {

using channel::v1::Event;

constexpr uint32_t kSharePoints = 70;
constexpr uint32_t kMostSignPoints = 30;
constexpr size_t kFewMessages = 3;
constexpr uint32_t kFewMessagesScore = 60;
constexpr uint32_t kLeastScore = 5;
constexpr size_t kMostOfAKind = 5;
constexpr uint32_t kManyNetworks = 3;

struct Message {
  const Event* event = nullptr;
  Injection injection = {};
};
using Messages = std::vector<Message>;

// Who handed these in, most messages first.
std::vector<IpAddress> addresses_of(const Messages& messages) {
  std::map<IpAddress, uint64_t> counts;
  for (const Message& message : messages) {
    if (message.injection.address) ++counts[*message.injection.address];
  }
  return most_first(counts);
}

// Those with a header first, of different addresses; then any.
std::vector<Line> lines_of(const Messages& messages) {
  std::vector<const Event*> chosen;
  std::set<std::optional<IpAddress>> addresses;
  const auto choose = [&](bool with_header, bool another_address) {
    for (const Message& message : messages) {
      if (chosen.size() == kMostLines) return;
      if (std::ranges::find(chosen, message.event) != chosen.end()) continue;
      if (with_header && message.event->header_sample().empty()) continue;
      if (another_address && addresses.contains(message.injection.address)) continue;
      addresses.insert(message.injection.address);
      chosen.push_back(message.event);
    }
  };
  choose(true, true);
  choose(false, true);
  choose(true, false);
  choose(false, false);
  std::ranges::stable_sort(chosen, {}, [](const Event* event) { return event->wall_us(); });
  std::vector<Line> out;
  for (const Event* event : chosen) out.push_back(line_of(*event));
  return out;
}

// A finding of these messages among all, without its text and signs.
Finding share_of(Kind kind, const Messages& messages, size_t all) {
  Finding out{.kind = kind};
  uint32_t trust = 0;
  for (const Message& message : messages) trust += message.injection.trust_percent;
  const auto whole = static_cast<uint32_t>(100 * all);
  out.score = (kSharePoints * trust + whole / 2) / whole;  // rounded
  out.grounds.push_back(fmt::format("{} of {} came this way: {} points of {}", messages.size(),
                                    count(all, "different spam message"), out.score, kSharePoints));
  out.addresses = first_of(addresses_of(messages));
  out.lines = lines_of(messages);
  return out;
}

class Signs {
 public:
  explicit Signs(Finding& finding) : finding_(finding) {}
  void add(bool shown, std::string what) {
    if (!shown) return;
    const uint32_t more = std::min(kSignPoints, kMostSignPoints - points_);
    points_ += more;
    finding_.grounds.push_back(fmt::format("{}: {} points", what, more));
  }
  void finish(size_t messages, uint32_t most = 100) {
    finding_.score = std::min(finding_.score + points_, most);
    if (messages < kFewMessages && finding_.score > kFewMessagesScore) {
      finding_.score = kFewMessagesScore;
      finding_.grounds.push_back(fmt::format("fewer than {} messages: {} points at most",
                                             kFewMessages, kFewMessagesScore));
    } else if (finding_.score == most && most < 100) {
      finding_.grounds.push_back(fmt::format("nothing has proved it: {} points at most", most));
    }
    finding_.confidence = confidence_of(finding_.score);
  }

 private:
  Finding& finding_;
  uint32_t points_ = 0;
};

bool is_of_user(const Event& event, const std::string& user, const OwnNetwork& own) {
  const Injection injection = injection_of(event, own);
  return injection.way == Way::kUser && injection.user == user;
}

bool many_refused(const Messages& messages) {
  uint64_t taken = 0, refused = 0;
  for (const Message& message : messages) {
    taken += message.event->recipients_count();
    refused += message.event->recipients_rejected();
  }
  return refused > 0 && 5 * refused >= taken + refused;
}

size_t sender_domains(const Messages& messages) {
  std::set<std::string> domains;
  for (const Message& message : messages) {
    const std::string& from = message.event->mail_from();
    if (const size_t at = from.rfind('@'); at != from.npos) domains.insert(from.substr(at + 1));
  }
  return domains.size();
}

Finding stolen_password(const Material& material, const std::string& user, const Messages& messages,
                        size_t all) {
  Finding out = share_of(Kind::kStolenPassword, messages, all);
  out.user = name(user);
  const auto addresses = addresses_of(messages);
  const bool from_outside = std::ranges::any_of(
      addresses, [&](const IpAddress& address) { return !material.own.has(address); });
  const uint64_t first_us = messages.front().event->wall_us();
  uint64_t failed = 0;
  bool known_before = false;
  for (const Event& event : material.others) {
    if (event.wall_us() >= first_us) break;
    if (event.kind() == "session") failed += event.session().failed_logins();
    known_before |= !user.empty() && is_of_user(event, user, material.own);
  }
  for (const Event& event : material.towards) {
    if (event.wall_us() < first_us && event.kind() == "session")
      failed += event.session().failed_logins();
  }
  const bool is_watched = !material.others.empty() && material.others.front().wall_us() < first_us;
  Signs signs(out);
  signs.add(from_outside, "handed in from outside the customer's own addresses");
  signs.add(networks_of(addresses) >= kManyNetworks,
            fmt::format("from {} different networks", networks_of(addresses)));
  signs.add(failed > 0, fmt::format("{} before it", count(failed, "failed login")));
  signs.add(!user.empty() && is_watched && !known_before,
            "nothing was sent with this login on the days before");
  signs.finish(messages.size());
  std::set<std::string> names;
  for (const Message& message : messages) {
    if (!message.injection.user.empty()) names.insert(message.injection.user);
  }
  const std::string whose = !user.empty()   ? fmt::format("The password of {}", out.user)
                            : names.empty() ? std::string("The password of a user not named")
                                            : fmt::format("Passwords of {} users", names.size());
  const std::string where =
      addresses.empty() ? std::string() : fmt::format(", handed in by {}", list(addresses));
  out.text =
      fmt::format("{} {} used for {} of {} spam messages{}: {}.", whose,
                  names.size() > 1 ? "were" : "was", messages.size(), all, where,
                  from_outside || addresses.empty() ? "probably stolen"
                                                    : "stolen, or a machine there is infected");
  return out;
}

Finding open_relay(const Messages& messages, size_t all) {
  Finding out = share_of(Kind::kOpenRelay, messages, all);
  const auto addresses = addresses_of(messages);
  Signs signs(out);
  signs.add(networks_of(addresses) >= kManyNetworks,
            fmt::format("from {} different networks", networks_of(addresses)));
  signs.add(many_refused(messages), "a fifth of the recipients or more were refused");
  signs.add(sender_domains(messages) >= 3,
            fmt::format("with senders of {} different domains", sender_domains(messages)));
  signs.finish(messages.size(), kUnprovenScore);
  out.text = fmt::format(
      "The server is probably an open relay: {} of {} spam messages were handed in without a "
      "login by {}, which are not the customer's addresses.",
      messages.size(), all, list(addresses));
  out.probe = "An open-relay probe of the server tells it from mail that is forwarded for users.";
  return out;
}

Finding infected_host(const Messages& messages, size_t all) {
  Finding out = share_of(Kind::kInfectedHost, messages, all);
  const auto addresses = addresses_of(messages);
  const bool bots = std::ranges::any_of(messages, [](const Message& m) {
    return m.injection.way == Way::kBot ||
           is_bot_like(m.event->session().dialect(), m.event->kind() == "session");
  });
  size_t of_first = 0;
  for (const Message& message : messages)
    of_first += message.injection.address == addresses.front();
  Signs signs(out);
  signs.add(10 * of_first >= 9 * messages.size(),
            fmt::format("{} of them by {}", of_first, addresses.front().to_string()));
  signs.add(bots, "the commands are written as bots write them");
  signs.add(many_refused(messages), "a fifth of the recipients or more were refused");
  signs.finish(messages.size());
  const bool direct = messages.front().injection.way == Way::kBot;
  out.text =
      fmt::format("{} {} probably infected: {} of {} spam messages {} without a login.",
                  list(addresses), addresses.size() == 1 ? "is" : "are", messages.size(), all,
                  direct ? "were sent by a program there, and" : "were handed in there");
  if (direct) {
    out.text = fmt::format(
        "A host behind {} is probably infected: {} of {} spam messages were sent as bots send.",
        list(addresses), messages.size(), all);
  }
  out.probe = "An exposure probe shows whether a mail server answers there at all.";
  return out;
}

Finding web_script(const std::string& script, const Messages& messages, size_t all) {
  Finding out = share_of(Kind::kWebScript, messages, all);
  out.script = plain_text(script, kTextCharacters);
  Signs signs(out);
  signs.add(messages.size() == all, "all of it");
  signs.add(many_refused(messages), "a fifth of the recipients or more were refused");
  signs.finish(messages.size());
  out.text = fmt::format("The web script {} on the server sent {} of {} spam messages.", out.script,
                         messages.size(), all);
  return out;
}

Finding own_spam(const Messages& messages, size_t all) {
  Finding out = share_of(Kind::kOwnSpam, messages, all);
  Signs signs(out);
  uint64_t recipients = 0;
  for (const Message& message : messages) recipients += message.event->recipients_count();
  signs.add(recipients >= 20 * messages.size(), "20 recipients a message or more");
  signs.add(messages.size() >= 20 && sender_domains(messages) == 1,
            "all with senders of one domain");
  signs.finish(messages.size(), kUnprovenScore);
  out.user = name(messages.front().injection.user);
  const std::string who = out.user.empty() ? std::string() : fmt::format(", run by {}", out.user);
  out.text = fmt::format(
      "The server itself sends it{}: {} of {} spam messages come from nowhere else, and nothing "
      "separates them from the rest of its mail.",
      who, messages.size(), all);
  return out;
}

// With those who sent a tenth of all or less taken together, as users without names, where they are
// many: a spammer who has many passwords uses each a little.
std::map<std::string, Messages> gather_rare(std::map<std::string, Messages> users, size_t all) {
  if (users.size() <= kMostOfAKind) return users;
  Messages rare;
  std::erase_if(users, [&](auto& user) {
    if (10 * user.second.size() > all) return false;
    std::ranges::move(user.second, std::back_inserter(rare));
    return true;
  });
  if (!rare.empty()) {
    std::ranges::sort(rare, {}, [](const Message& message) { return message.event->wall_us(); });
    Messages& unnamed = users[""];
    std::ranges::move(rare, std::back_inserter(unnamed));
  }
  return users;
}

}  // namespace

std::vector<Finding> find(const Material& material) {
  std::map<std::string, Messages> users, scripts;
  Messages outside, inside, bots, server;
  for (const Event& event : material.spam) {
    Message message{&event, injection_of(event, material.own)};
    switch (message.injection.way) {
      case Way::kUser:
        users[message.injection.user].push_back(std::move(message));
        break;
      case Way::kScript:
        scripts[message.injection.script].push_back(std::move(message));
        break;
      case Way::kOutside:
        outside.push_back(std::move(message));
        break;
      case Way::kInside:
        inside.push_back(std::move(message));
        break;
      case Way::kBot:
        bots.push_back(std::move(message));
        break;
      case Way::kServer:
        server.push_back(std::move(message));
        break;
      case Way::kUnclear:
        break;
    }
  }
  const size_t all = material.spam.size();
  std::vector<Finding> out;
  // Of many users or scripts, those with the most messages.
  const auto each = [&](const std::map<std::string, Messages>& groups, auto make) {
    std::vector<const std::pair<const std::string, Messages>*> order;
    for (const auto& group : groups) order.push_back(&group);
    std::ranges::stable_sort(order, std::greater(),
                             [](auto* group) { return group->second.size(); });
    if (order.size() > kMostOfAKind) order.resize(kMostOfAKind);
    for (const auto* group : order) out.push_back(make(group->first, group->second));
  };
  each(gather_rare(std::move(users), all), [&](const std::string& user, const Messages& messages) {
    return stolen_password(material, user, messages, all);
  });
  each(scripts, [&](const std::string& script, const Messages& messages) {
    return web_script(script, messages, all);
  });
  if (!outside.empty()) out.push_back(open_relay(outside, all));
  if (!inside.empty()) out.push_back(infected_host(inside, all));
  if (!bots.empty()) out.push_back(infected_host(bots, all));
  if (!server.empty()) out.push_back(own_spam(server, all));
  std::erase_if(out, [](const Finding& finding) { return finding.score < kLeastScore; });
  const std::string at = material.subject.server.to_string();
  if (auto tried = brute_force(material.towards, fmt::format("at {}", at)))
    out.push_back(std::move(*tried));
  if (auto tried = brute_force(material.others, fmt::format("from {} at other servers", at)))
    out.push_back(std::move(*tried));
  std::ranges::stable_sort(out, std::greater(), &Finding::score);
  return out;
}

}  // namespace postern::diagnosis
