// Whether an event is about a case's subject, and what it shows of it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "control/channel/channel.pb.h"
#include "control/ledger/cases.h"

namespace postern::cases {

// The event is of the subject's server, and, where the subject is a part of its mail, of that part:
// the AUTH user that the wire or the message's own headers show, or the address that injected it.
bool concerns(const ledger::Subject& subject, const channel::v1::Event& event);

// The event is the business of a case about a part of the server's mail, so not of one about all of
// it. `unclosed`: cases about the subject's server.
bool is_of_another_case(const ledger::Subject& subject, std::span<const ledger::Case> unclosed,
                        const channel::v1::Event& event);

// Outcomes of messages that were refused for what they are.
inline constexpr std::string_view kSpamOutcomes[] = {"refused_content", "refused_envelope",
                                                     "refused_smuggling"};
bool is_spam(const channel::v1::Event& event);
// Something that the subject tried and was blocked from, unread: whether it was spam nobody saw.
// What a block on a part of a server's mail stopped is that part's, which has a case of its own,
// and says nothing of the server.
bool is_blocked_attempt(const ledger::Subject& subject, const channel::v1::Event& event);

// "192.0.2.7", "bob on 192.0.2.7", "what 203.0.113.9 hands in to 192.0.2.7": for people.
std::string describe(const ledger::Subject& subject);

}  // namespace postern::cases
