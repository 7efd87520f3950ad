// The decision at the commit point: a message's end has arrived and waits for it.
//
// A pure function of the sender's verdict, what the scan found, and the configured policy. The
// first of these that applies decides:
//
//   verdict pass                             forwarded: not inspected
//   verdict refuse or drop                   refused: the sender was blocked while the flow was
//   open line ends that a server could split at   refused (if the policy says so) score at or over
//   the threshold           refused verdict hold                             deferred verdict
//   throttle, allowance used up      deferred not scanned, fail mode closed            deferred
//   anything else                            forwarded
#pragma once

#include <cstdint>

#include "dataplane/time.h"
#include "dataplane/verdict/verdict.h"
#include "dataplane/worker/event.h"

namespace postern::verdict {

// What becomes of a message that could not be scanned.
enum class FailMode : uint8_t { kOpen, kClosed };
inline constexpr std::string_view kFailModeNames[] = {"open", "closed"};

// What becomes of a message with line ends by which a server could split it (SMTP smuggling,
// CVE-2023-51764 and its kin).
enum class SmugglingMode : uint8_t { kRefuse, kForward };
inline constexpr std::string_view kSmugglingModeNames[] = {"refuse", "forward"};

struct DecisionPolicy {
  double threshold = 5.0;  // a score at or over it is spam, as SpamAssassin's required_score
  SmugglingMode smuggling = SmugglingMode::kRefuse;
  FailMode without_signature_set = FailMode::kOpen;
  FailMode scan_error = FailMode::kOpen;
};

struct Findings {
  bool has_signature_set = false;
  bool scan_failed = false;  // a matcher returned an error: the score is not to be relied on
  double score = 0;
  bool smuggling = false;  // line ends by which a server could split it: smtp::kSmugglingAnomalies
};

struct Decision {
  worker::Outcome outcome;
  bool unscanned = false;  // forwarded although no scan vouches for it: Counter::kMessagesUnscanned
  bool operator==(const Decision&) const = default;
};

// Workers' threads. Takes from the verdict's token bucket when it comes to that, so call it once
// for each message.
Decision decide(const Verdict& verdict, const Findings& findings, const DecisionPolicy& policy,
                const Now& now);

}  // namespace postern::verdict
