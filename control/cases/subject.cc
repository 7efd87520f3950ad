#include "control/cases/subject.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace postern::cases {
namespace {

constexpr std::string_view kUser = "user:";
constexpr std::string_view kFrom = "from:";

bool same_in_ascii(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace

bool concerns(const ledger::Subject& subject, const channel::v1::Event& event) {
  const auto client = IpAddress::parse(event.client());
  if (!client || !subject.server.contains(*client)) return false;
  const std::string_view part = subject.part;
  if (part.starts_with(kUser)) {
    const std::string_view user = part.substr(kUser.size());
    return same_in_ascii(user, event.auth_user()) || same_in_ascii(user, event.origin().user());
  }
  if (part.starts_with(kFrom)) {
    const auto prefix = IpPrefix::parse(part.substr(kFrom.size()));
    const auto injected = IpAddress::parse(event.origin().ip());
    return prefix && injected && prefix->contains(*injected);
  }
  return true;
}

bool is_of_another_case(const ledger::Subject& subject, std::span<const ledger::Case> unclosed,
                        const channel::v1::Event& event) {
  return subject.part.empty() && std::ranges::any_of(unclosed, [&](const ledger::Case& other) {
           return other.subject.server == subject.server && !other.subject.part.empty() &&
                  concerns(other.subject, event);
         });
}

bool is_spam(const channel::v1::Event& event) {
  return std::ranges::find(kSpamOutcomes, event.outcome()) != std::end(kSpamOutcomes);
}

bool is_blocked_attempt(const ledger::Subject& subject, const channel::v1::Event& event) {
  const bool of_a_part = event.held_by().starts_with(kUser) || event.held_by().starts_with(kFrom);
  return event.outcome() == "refused_verdict" && !(subject.part.empty() && of_a_part);
}

std::string describe(const ledger::Subject& subject) {
  const std::string server = subject.server.to_string();
  const std::string_view part = subject.part;
  if (part.starts_with(kUser)) return fmt::format("{} on {}", part.substr(kUser.size()), server);
  if (part.starts_with(kFrom))
    return fmt::format("what {} hands in to {}", part.substr(kFrom.size()), server);
  return server;
}

}  // namespace postern::cases
