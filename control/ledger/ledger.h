// The ledger: what the control process knows and must never forget.
//
// Theory of operation. The ledger is the one truth about verdicts. Every change of them is a new
// *version*, numbered from 1 within an *epoch* (the identity of this ledger), written together with
// its row of the append-only history in one transaction. So what a data plane misses can always be
// said in two ways: the changes since the version it holds (changes_since), or everything, page by
// page (verdicts_after). The pages need no long read transaction: changes made while they are read
// are told again afterwards, and telling a change twice does no harm.
//
// What a call has returned as done survives a killed process and a power cut. A call that fails has
// changed nothing, and its error says what to do. All calls may be made from any thread.
//
// SQLite keeps it (sqlite_ledger.h); the interface assumes nothing that PostgreSQL lacks.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/case_reference.h"
#include "base/ip.h"
#include "base/sender_part.h"
#include "control/channel/channel.pb.h"
#include "control/ledger/audit.h"
#include "control/ledger/cases.h"
#include "control/ledger/customers.h"
#include "control/ledger/feeds.h"
#include "control/ledger/outbox.h"
#include "control/ledger/result.h"
#include "control/ledger/senders.h"
#include "control/ledger/tokens.h"

namespace postern::ledger {

using channel::v1::StartTls;
using channel::v1::Switch;
using channel::v1::Treatment;

// What of a sender's mail a verdict is about: all of it, or, of a SMORF block, a part of it.
using Part = SenderPart;

// There is at most one verdict for each.
struct VerdictKey {
  IpPrefix prefix = {};
  Switch of = Switch::SWITCH_TREATMENT;
  Part part = {};
  auto operator<=>(const VerdictKey&) const = default;
};

struct Verdict {
  IpPrefix prefix = {};
  Treatment treatment = Treatment::TREATMENT_UNSPECIFIED;
  uint32_t messages_per_minute = 0;  // throttle only
  CaseReference case_reference = {};
  std::string reason = {};
  std::string author = {};
  uint64_t set_unix_s = 0;
  uint64_t expires_unix_s = 0;  // 0: never
  StartTls starttls = StartTls::START_TLS_AS_POLICY;
  Switch of = Switch::SWITCH_TREATMENT;
  Part part = {};  // of SWITCH_SMORF_BLOCK with hold and refuse only

  VerdictKey key() const { return {prefix, of, part}; }
  bool operator==(const Verdict&) const = default;
};

enum class Action { kSet, kClear, kExpire };
inline constexpr std::string_view kActionNames[] = {"set", "clear", "expire"};

// One row of the history. For kClear and kExpire only prefix, of, part, reason, author and
// set_unix_s (when it was done) say something.
struct Change {
  Action action = Action::kSet;
  Verdict verdict = {};
};

struct Version {
  std::string epoch = {};
  uint64_t number = 0;
};

struct EventQuery {
  std::optional<IpPrefix> client = {};
  CaseReference case_reference = {};  // 0: any
  std::string outcome = {};           // empty: any
  uint32_t limit = 50;
};

// Messages that a shadow set saw, newest first, page by page.
struct ShadowQuery {
  uint64_t since_unix_s = 0;  // when they were sent
  uint64_t before_row = 0;    // 0: from the newest on
  uint32_t limit = 1000;
};
struct ShadowPage {
  std::vector<channel::v1::Event> events;
  uint64_t last_row = 0;  // for the next page; 0: there is none
};

struct Totals {
  uint64_t verdicts = 0;
  uint64_t events = 0;
};

// What is told of a verdict: all, or what a data plane must know.
enum class Told : uint8_t { kAll, kEnforced };

class Ledger {
 public:
  virtual ~Ledger() = default;

  // Parts of it, as long as it is there.
  virtual Customers& customers() = 0;
  virtual Cases& cases() = 0;
  virtual Senders& senders() = 0;
  virtual Feeds& feeds() = 0;
  virtual Audit& audit() = 0;
  virtual Outbox& outbox() = 0;
  virtual Tokens& tokens() = 0;

  virtual std::string location() const = 0;
  // The version in force now; never waits.
  virtual Version version() const = 0;

  // All changes as one new version, or none of them. An empty span changes nothing. Returns the
  // version. An error, too, is a part where there can be none.
  virtual Result<uint64_t> apply(std::span<const Change> changes) = 0;
  // Removes the verdicts that expired at or before `now_unix_s`, as one version. Returns how many.
  virtual Result<size_t> expire(uint64_t now_unix_s) = 0;
  // When the next verdict expires; nothing when none will.
  virtual Result<std::optional<uint64_t>> next_expiry() = 0;

  virtual Result<std::optional<Verdict>> verdict_on(const VerdictKey& key) = 0;
  // Verdicts on exactly this prefix: by switch, then by part.
  virtual Result<std::vector<Verdict>> verdicts_on(const IpPrefix& prefix) = 0;
  // Verdicts on prefixes that cover the address: those on all of a sender's mail, by switch and
  // most specific first; then those on parts of it, most specific first.
  virtual Result<std::vector<Verdict>> verdicts_covering(const IpAddress& address) = 0;
  // Verdicts on the prefix itself and on those inside it, in the order of addresses.
  virtual Result<std::vector<Verdict>> verdicts_within(const IpPrefix& prefix) = 0;
  // A page of all verdicts, in the order of addresses, beginning behind `after` (nothing: at the
  // first). `told` kEnforced: without reason, author and time of setting, which take half of it.
  virtual Result<std::vector<Verdict>> verdicts_after(const std::optional<VerdictKey>& after,
                                                      size_t limit, Told told = Told::kAll) = 0;

  // What happened after `version`, oldest first, up to `until`; nothing when those are more than
  // `limit` changes.
  virtual Result<std::optional<std::vector<Change>>> changes_since(uint64_t version, uint64_t until,
                                                                   size_t limit) = 0;
  // Everything that ever happened to the prefix, newest first.
  virtual Result<std::vector<Change>> history_of(const IpPrefix& prefix) = 0;

  // Stores a data plane's batch, whole or not at all. False: it was stored before.
  virtual Result<bool> store_events(const std::string& gate, const channel::v1::EventBatch& batch,
                                    uint64_t now_unix_s) = 0;
  // Newest first.
  virtual Result<std::vector<channel::v1::Event>> events(const EventQuery& query) = 0;
  virtual Result<ShadowPage> shadow_events(const ShadowQuery& query) = 0;
  // Forgets events received before `unix_s`, at most `limit` of them. Returns how many.
  virtual Result<size_t> forget_events_before(uint64_t unix_s, size_t limit) = 0;

  virtual Result<Totals> totals() = 0;
};

}  // namespace postern::ledger
