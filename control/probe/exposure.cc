#include <fmt/format.h>

#include <algorithm>

#include "base/plain_text.h"
#include "control/probe/probe.h"

namespace postern::probe {
namespace {

constexpr size_t kGreetingCharacters = 200, kKeywordCharacters = 80;
constexpr size_t kMostKeywords = 40;

PortState state_of(Failure::Kind kind) {
  switch (kind) {
    case Failure::Kind::kRefused:
      return PortState::kRefuses;
    case Failure::Kind::kTimeout:
      return PortState::kNoAnswer;
    default:
      return PortState::kUnreachable;
  }
}

bool same_in_ascii(std::string_view a, std::string_view b) {
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; };
  return std::ranges::equal(a, b, {}, upper, upper);
}

}  // namespace

Port look_at(const Peer& peer, std::string_view helo, Clock::time_point deadline) {
  Port out{.number = peer.port};
  auto dialogue = SmtpDialogue::connect(peer, deadline);
  if (!dialogue) {
    out.state = state_of(dialogue.error().kind);
    out.text = dialogue.error().text;
    return out;
  }
  out.state = PortState::kAccepts;
  if (peer.port == kSubmissionsPort) {
    out.text = "TLS from the first byte: not looked into";
    return out;
  }
  const auto greeting = dialogue->read(deadline);
  if (!greeting) {
    out.text = greeting.error().text;
    return out;
  }
  out.banner = plain_text(fmt::format("{} {}", greeting->code, greeting->lines.front()),
                          kGreetingCharacters);
  if (greeting->code != 220) {
    out.text = "the server does not take mail from here";
    return out;
  }
  const auto hello = dialogue->ask(fmt::format("EHLO {}", helo), deadline);
  if (!hello) {
    out.text = hello.error().text;
    return out;
  }
  if (hello->code != 250) {
    out.text = plain_text(fmt::format("EHLO was answered {} {}", hello->code, hello->lines.front()),
                          kGreetingCharacters);
  } else {
    for (size_t i = 1; i < hello->lines.size() && i <= kMostKeywords; ++i) {
      const std::string_view line = hello->lines[i];
      out.keywords.push_back(plain_text(line, kKeywordCharacters));
      out.starttls = out.starttls || same_in_ascii(line.substr(0, line.find(' ')), "STARTTLS");
    }
  }
  static_cast<void>(dialogue->ask("QUIT", deadline));
  return out;
}

}  // namespace postern::probe
