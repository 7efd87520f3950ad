// Looks at a mail server from outside: which of its ports answer, and whether it relays for
// everybody. Nothing is ever delivered: a probe ends with the reply to RCPT, and no DATA is sent.
//
// Theory of operation of the relay probe. What spammers try is tried (kTries): from outside to
// outside plainly, with no sender, with senders of the server's own, and with the recipient written
// in forms that old servers take apart and send on ("user%domain@server", "domain!user", a source
// route, quotes). A server that takes any name for a mailbox of its own would take those forms,
// too, without relaying: so a name that nobody has is tried first, and where it is taken those
// forms decide nothing.
// - 2xx to RCPT: the server is open. Some say so and refuse after DATA: a probe cannot know.
// - 5xx: refused; so is Postfix's "454 4.7.1 … Relay access denied", which is its default.
// - Another 4xx: not decided (greylisting, a rate limit); so is what needs TLS first.
// Open is one taken; closed is all others refused; else nobody knows. After a connection that the
// server ended, the rest is tried on a new one, three in all.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/diagnosis/diagnosis.h"
#include "control/probe/smtp_dialogue.h"

namespace postern::probe {

// ---- Exposure

enum class PortState { kAccepts, kRefuses, kNoAnswer, kUnreachable };
inline constexpr std::string_view kPortStateNames[] = {"accepts", "refuses", "no answer",
                                                       "unreachable"};
struct Port {
  uint16_t number = 0;
  PortState state = PortState::kUnreachable;
  std::string banner = {};
  std::vector<std::string> keywords = {};  // of the reply to EHLO
  bool starttls = false;
  std::string text = {};  // what went wrong, or why nothing more is known; empty: nothing
  bool operator==(const Port&) const = default;
};
inline constexpr uint16_t kMailPorts[] = {25, 465, 587};
inline constexpr uint16_t kSubmissionsPort = 465;  // TLS from the first octet: not looked into

// One port; over by the deadline. `helo`: who we say we are. Texts went through plain_text().
Port look_at(const Peer& peer, std::string_view helo, Clock::time_point deadline);

// ---- Relay

struct Envelope {
  std::string domain = {};     // of senders, outside: the operator's
  std::string recipient = {};  // outside, the operator's: "nobody@probe.example"
  std::string helo = {};
};

using diagnosis::RelayState;
struct Try {
  std::string name = {};  // of kTries
  std::string from = {}, to = {};
  RelayState state = RelayState::kUndecided;  // kOpen: it was taken
  int code = 0;                               // of the reply that decided; 0: there was none
  std::string reply = {};
  bool says_nothing = false;  // it was taken by a server that takes any name for its own
  bool operator==(const Try&) const = default;
};
struct Relay {
  RelayState state = RelayState::kUndecided;
  std::vector<Try> tries = {};  // those that were made
  std::string text = {};        // one or two sentences for people
  bool operator==(const Relay&) const = default;
};

Relay try_relaying(const Peer& peer, const Envelope& envelope, Clock::time_point deadline);

}  // namespace postern::probe
