#include "control/diagnosis/injection.h"

#include <algorithm>
#include <array>
#include <ranges>

namespace postern::diagnosis {
namespace {

uint32_t trust_in(const std::string& confidence) {
  return confidence == "high" ? 100 : confidence == "medium" ? 80 : 50;
}

std::string in_small_letters(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return out;
}

bool has_small_letter(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return c >= 'a' && c <= 'z'; });
}

bool is_loopback(const IpAddress& address) {
  static const std::array kLoopback{*IpPrefix::parse("127.0.0.0/8"), *IpPrefix::parse("::1")};
  return std::ranges::any_of(kLoopback, [&](const IpPrefix& p) { return p.contains(address); });
}

}  // namespace

bool OwnNetwork::has(const IpAddress& address) const {
  static const std::array kPrivate{
      *IpPrefix::parse("10.0.0.0/8"),     *IpPrefix::parse("172.16.0.0/12"),
      *IpPrefix::parse("192.168.0.0/16"), *IpPrefix::parse("100.64.0.0/10"),
      *IpPrefix::parse("169.254.0.0/16"), *IpPrefix::parse("fc00::/7"),
      *IpPrefix::parse("fe80::/10")};
  const auto contains = [&](const IpPrefix& prefix) { return prefix.contains(address); };
  return std::ranges::any_of(prefixes, contains) || std::ranges::any_of(kPrivate, contains);
}

Injection injection_of(const channel::v1::Event& event, const OwnNetwork& own) {
  const channel::v1::Origin& origin = event.origin();
  Injection out{.trust_percent = trust_in(origin.confidence())};
  if (const auto address = IpAddress::parse(origin.ip())) out.address = *address;
  if (!event.auth_user().empty()) {  // seen on the wire
    out.way = Way::kUser;
    out.user = in_small_letters(event.auth_user());
    out.trust_percent = 100;
    return out;
  }
  if (origin.auth() == "yes") {
    out.way = Way::kUser;
    out.user = in_small_letters(origin.user());
    return out;
  }
  if (!origin.script().empty()) {
    out.way = Way::kScript;
    out.script = origin.script();
    return out;
  }
  const auto client = IpAddress::parse(event.client());
  if (out.address && !is_loopback(*out.address) && !(client && *out.address == *client)) {
    // Where nobody says whether there was a login, an address outside can be anything.
    out.way = own.has(*out.address)   ? Way::kInside
              : origin.auth() == "no" ? Way::kOutside
                                      : Way::kUnclear;
    return out;
  }
  if (is_bot_like(event.session().dialect(), event.kind() == "session")) {
    out.way = Way::kBot;
    if (client) out.address = *client;
    out.trust_percent = 80;  // by its habits only
    return out;
  }
  out.way = Way::kServer;
  out.user = origin.user();
  return out;
}

bool is_bot_like(std::string_view dialect, bool session_is_over) {
  if (dialect.empty()) return false;
  uint32_t habits = 0;
  bool bare_end = false, quit = false, mail = false;
  for (const auto part : dialect | std::views::split(',')) {
    const std::string_view step(part.begin(), part.end());
    const std::string_view verb = step.substr(0, step.find_first_of(" ~!"));
    const std::string small = in_small_letters(verb);
    const bool greets = small == "ehlo" || small == "helo";
    const std::string_view rest = step.substr(verb.size());
    quit |= small == "quit";
    mail |= small == "mail";
    if (has_small_letter(verb) || verb == "?") ++habits;
    if (greets &&
        (rest.starts_with(" ip") || rest.starts_with(" name") || rest.starts_with(" none"))) {
      ++habits;
    }
    if (rest.find(": <>") != rest.npos || rest.find(":-") != rest.npos) ++habits;
    if (rest.find('~') != rest.npos) ++habits;
    bare_end |= rest.find('!') != rest.npos;
  }
  if (habits >= 2 || bare_end) return true;
  return session_is_over && mail && !quit && habits == 1;
}

}  // namespace postern::diagnosis
