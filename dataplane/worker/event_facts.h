// What an event tells of its connection, its envelope and the verdict that decided.
#pragma once

#include <string_view>

#include "dataplane/smtp/session.h"
#include "dataplane/time.h"
#include "dataplane/verdict/verdict.h"
#include "dataplane/worker/event.h"
#include "dataplane/worker/flow.h"

namespace postern::worker {

// Makes a used event new, of that connection.
void begin_event(Event* event, EventKind kind, const Flow& flow, const Now& now);
void tell_envelope(Event* event, const smtp::Transaction& transaction);
void tell_session(Event* event, const smtp::Session& session, const Flow& flow);

// A verdict caused it, not what was found in the message.
constexpr bool is_by_verdict(Outcome outcome) {
  return outcome == Outcome::kRefusedVerdict || outcome == Outcome::kDeferredHold ||
         outcome == Outcome::kDeferredThrottle;
}
// Of which the message's header is evidence.
constexpr bool is_refused_or_held(Outcome outcome) {
  return outcome == Outcome::kRefusedContent || outcome == Outcome::kRefusedVerdict ||
         outcome == Outcome::kRefusedSmuggling || outcome == Outcome::kDeferredHold;
}
// The switch, or the part of the sender that the verdict is about: "smorf-block", "user:bob".
using HeldBy = FixedText<SenderPart::kTextBytes>;
void tell_held_by(HeldBy* held_by, const verdict::Verdict& verdict);

}  // namespace postern::worker
