// What was found about a sender, made so: cases, verdicts, evidence.
//
// Theory of operation. A finding is about a subject (a server, or a part of its mail), which has at
// most one case that is not closed. A case is opened as observed, then the rung's verdict is set,
// and only then the case says that it is on that rung: after a crash in between the next finding
// does the rest. Verdicts of the policy carry its name as author and the case's reference, so that
// restoration finds them. What a person, a feed or a probation says on the same prefix and switch
// stays, and the case says so.
//
// Who restores a sender decides from then on: a case that is being restored or on probation is left
// to cases::Restoration, which acts on relapses.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "control/ledger/ledger.h"
#include "control/policy/ladder.h"
#include "control/policy/settings.h"

namespace postern::policy {

// Writes changes of verdicts as one version and tells the data planes.
using Apply = std::function<ledger::Result<uint64_t>(std::span<const ledger::Change>)>;
// A case was changed: "opened", "escalated", "widened", "proposed", "closed".
using Told = std::function<void(CaseReference, const std::string& what)>;

inline constexpr std::string_view kAuthor = "policy";

// One thread.
class Enforcement {
 public:
  Enforcement(ledger::Ledger& ledger, Apply apply, Told told, const Settings& settings);

  enum class Outcome {
    kDone,      // or nothing was to be done
    kForgiven,  // a person took the verdict away after this was seen: it counts no more
  };
  // `recent`: spam of the server, oldest first, of which a case keeps what is the subject's.
  ledger::Result<Outcome> act(const IpAddress& server, const Finding& finding,
                              std::span<const channel::v1::Event> recent, uint64_t now_unix_s);
  // Keeps the message as evidence of the cases that it is about.
  ledger::Result<void> keep(const IpAddress& server, const channel::v1::Event& event);
  // Parts of the server that are held or blocked by themselves.
  ledger::Result<std::vector<SenderPart>> blocked_parts(const IpAddress& server);
  // What is known of its usual volume.
  ledger::Result<Volume> volume_of(const IpAddress& server, uint64_t now_unix_s);
  // Cases that never came to a block and that nothing keeps open. `is_quiet(server)`: nothing came
  // of it in Settings::close_after_s.
  ledger::Result<void> close_quiet(const std::function<bool(const IpAddress&)>& is_quiet,
                                   uint64_t now_unix_s);

 private:
  enum class Past { kInForce, kExpired, kTakenAway };
  ledger::Result<Past> what_became_of(const ledger::Case& about, const SenderPart& part);
  ledger::Result<void> keep_for(const ledger::Case& about, std::span<const ledger::Case> unclosed,
                                const channel::v1::Event& event);
  ledger::Result<Outcome> in_shadow(const ledger::Subject& subject, const Finding& finding,
                                    uint64_t now_unix_s);
  ledger::Result<ledger::Case> open(const ledger::Subject& subject, uint64_t customer,
                                    const Finding& finding, uint64_t now_unix_s);
  ledger::Result<void> propose_range(ledger::Case about, const IpAddress& server,
                                     uint64_t now_unix_s);

  ledger::Ledger& ledger_;
  const Apply apply_;
  const Told told_;
  const Settings& settings_;
  // When a person's taking away was respected last.
  std::map<ledger::Subject, uint64_t> respected_;
  std::map<ledger::Subject, ledger::Step> said_in_shadow_;
};

}  // namespace postern::policy
