// Cases: what was found about a sender, what was done, and how it comes back.
//
// A case is about a *subject*: a server's address or prefix, or a part of its mail. Its reference
// is what the refusals name. Its history is append-only: every change of a case is written with an
// entry that says who did what and why, in one transaction. Evidence is kept apart, bounded for
// each case, and forgotten after a time; cases and their history stay.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/case_reference.h"
#include "base/ip.h"
#include "control/channel/channel.pb.h"
#include "control/ledger/result.h"

namespace postern::ledger {

enum class CaseState {
  kOpen,       // spam is, or was just now, being sent
  kRestoring,  // restoration was requested, or some of its switches are back
  kProbation,  // it sends again, within a quota that rises
  kClosed,
};
inline constexpr std::string_view kCaseStateNames[] = {"open", "restoring", "probation", "closed"};

// What the policy does about a sender, in the order of severity. Each step includes what the ones
// before it did that is still in force.
enum class Step {
  kObserve,   // a case is open; nothing is restricted
  kThrottle,  // treatment throttle
  kHold,      // treatment hold
  kBlock,     // SMORF block: of the part that the evidence separates, else of the server
  kRevoke,    // trusted relay revoked
  kExclude,   // its range is proposed for exclusion: a person confirms
};
inline constexpr std::string_view kStepNames[] = {"observe", "throttle", "hold",
                                                  "block",   "revoke",   "exclude"};
constexpr std::string_view step_name(Step step) { return kStepNames[static_cast<size_t>(step)]; }

// Whom a case is about.
struct Subject {
  IpPrefix server = {};
  // '': all of the server's mail; 'user:NAME': what it sends for this AUTH user; 'from:PREFIX':
  // what these addresses inject.
  std::string part = {};
  auto operator<=>(const Subject&) const = default;
};

struct Case {
  CaseReference reference = {};
  uint64_t customer = 0;  // 0: nobody's address
  Subject subject = {};
  CaseState state = CaseState::kOpen;
  Step step = Step::kObserve;
  std::string cause = {};      // one sentence: what opened it
  std::string diagnosis = {};  // JSON; control/cases writes and reads it. Empty: none yet
  std::string marks = {};      // JSON: the checklist of restoration, likewise
  uint64_t opened_unix_s = 0;
  uint64_t changed_unix_s = 0;
  uint64_t closed_unix_s = 0;  // 0: it is not
  bool operator==(const Case&) const = default;
};

// One entry of a case's history.
struct CaseEntry {
  uint64_t at_unix_s = 0;
  std::string author = {};  // a person, "policy", "customer", "postern-control"
  std::string action = {};  // a word: "opened", "escalated", "diagnosed", "notified", "restored"…
  std::string text = {};    // why, for people
  bool operator==(const CaseEntry&) const = default;
};

struct CaseQuery {
  std::optional<CaseState> state = {};
  bool only_unclosed = false;
  std::optional<uint64_t> customer = {};
  std::optional<IpPrefix> within = {};  // subjects' servers
  uint32_t limit = 100;
};

// One message that a case rests on. Headers only, as the data plane sampled them; never a body.
struct Evidence {
  uint64_t id = 0;  // given by the ledger
  CaseReference reference = {};
  std::string why = {};  // the fact it shows: "spam", "failed login", "refused recipients"…
  channel::v1::Event event = {};
};

// Any thread.
class Cases {
 public:
  virtual ~Cases() = default;

  // An error when the reference is in use, or the subject has a case that is not closed.
  virtual Result<void> open(const Case& opened, const CaseEntry& entry) = 0;
  // Replaces all of the case but its reference, subject and opening; sets changed_unix_s to the
  // entry's time. An error when there is no such case.
  virtual Result<void> change(const Case& changed, const CaseEntry& entry) = 0;
  // An entry alone.
  virtual Result<void> add_entry(CaseReference reference, const CaseEntry& entry) = 0;

  virtual Result<std::optional<Case>> find(CaseReference reference) = 0;
  // The one that is not closed.
  virtual Result<std::optional<Case>> about(const Subject& subject) = 0;
  // Last changed first.
  virtual Result<std::vector<Case>> list(const CaseQuery& query) = 0;
  // Oldest first.
  virtual Result<std::vector<CaseEntry>> history(CaseReference reference) = 0;

  // Keeps it, unless the case has `most` already: false.
  virtual Result<bool> add_evidence(const Evidence& evidence, uint32_t most) = 0;
  // Oldest first.
  virtual Result<std::vector<Evidence>> evidence(CaseReference reference) = 0;
  // That of events before `unix_s`, at most `limit`. Returns how many.
  virtual Result<size_t> forget_evidence_before(uint64_t unix_s, size_t limit) = 0;
};

}  // namespace postern::ledger
