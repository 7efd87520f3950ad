// What people are to be told of cases, from the moment it happened until it was delivered.
//
// Two tables. A *happening* is something that befell a case and is yet to be told to an audience;
// it is written before whoever caused it goes on. Happenings become *messages*: the happenings go
// and the messages come in one transaction, so that nothing is told twice by a crash between. A
// message is kept whole until it is delivered or given up, and for a while afterwards for people to
// look at; how either went is an entry of the case's history, written in the same transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/case_reference.h"
#include "control/ledger/cases.h"
#include "control/ledger/result.h"

namespace postern::ledger {

enum class Audience { kCustomer, kOperator };
inline constexpr std::string_view kAudienceNames[] = {"customer", "operator"};

enum class OutboxChannel { kEmail, kWebhook };
inline constexpr std::string_view kOutboxChannelNames[] = {"email", "webhook"};

struct Happening {
  uint64_t id = 0;  // given by the ledger
  CaseReference reference = {};
  Audience audience = Audience::kOperator;
  std::string what = {};  // a word: "opened", "escalated", "restored"…
  uint64_t at_unix_s = 0;
  bool operator==(const Happening&) const = default;
};

struct OutboxMessage {
  static constexpr size_t kMostBytes = 1 << 20;

  uint64_t id = 0;  // given by the ledger
  CaseReference reference = {};
  Audience audience = Audience::kOperator;
  uint64_t customer = 0;  // 0: of an address that is nobody's
  OutboxChannel channel = OutboxChannel::kEmail;
  std::string to = {};        // an e-mail address, or a URL
  std::string identity = {};  // the same at every attempt: Message-ID without its brackets, or
                              // webhook-id. Of each message another
  std::string what = {};      // the happenings it tells, for people: "escalated, restored"
  std::string message = {};   // octets as they go out, at most kMostBytes; not filled by list()
  uint32_t entries_told = 0;  // of the case's history, counted from the oldest
  uint64_t created_unix_s = 0;
  uint32_t attempts = 0;
  uint64_t next_attempt_unix_s = 0;  // 0: none, it is delivered or given up
  std::string last_error = {};
  uint64_t delivered_unix_s = 0;  // 0: not yet
  uint64_t given_up_unix_s = 0;   // 0: it is not
  bool operator==(const OutboxMessage&) const = default;
};

// The last that an audience was told of a case, whether it has arrived or not.
struct LastTold {
  uint64_t created_unix_s = 0;
  uint32_t entries_told = 0;
};

struct OutboxQuery {
  CaseReference reference = {};  // 0: all
  bool only_waiting = false;     // neither delivered nor given up
  uint32_t limit = 100;
};

// Any thread.
class Outbox {
 public:
  virtual ~Outbox() = default;

  virtual Result<void> note(std::span<const Happening> happenings) = 0;
  // Oldest first.
  virtual Result<std::vector<Happening>> happenings() = 0;
  // Adds the messages, and takes away the happenings they tell (by id), in one transaction. An
  // error when a message is larger than kMostBytes.
  virtual Result<void> add(std::span<const OutboxMessage> messages,
                           std::span<const uint64_t> told_happenings) = 0;
  virtual Result<std::optional<LastTold>> last_told(CaseReference reference, Audience audience) = 0;

  // Those whose next attempt is due, the longest due first.
  virtual Result<std::vector<OutboxMessage>> due(uint64_t now_unix_s, size_t limit) = 0;
  // When the next attempt is due; nothing when none is.
  virtual Result<std::optional<uint64_t>> next_attempt() = 0;
  // An attempt is about to be made; should its outcome never be told, the next is due then.
  virtual Result<void> begin(uint64_t id, uint64_t next_attempt_unix_s) = 0;
  // The outcome of an attempt. `entry` goes into the history of the message's case, if it has one.
  virtual Result<void> delivered(uint64_t id, const CaseEntry& entry) = 0;
  virtual Result<void> failed(uint64_t id, uint64_t next_attempt_unix_s,
                              const std::string& why) = 0;
  virtual Result<void> give_up(uint64_t id, const std::string& why, const CaseEntry& entry) = 0;

  // Newest first, without the messages' octets.
  virtual Result<std::vector<OutboxMessage>> list(const OutboxQuery& query) = 0;
  virtual Result<std::optional<OutboxMessage>> find(uint64_t id) = 0;
  // Makes what waits, or was given up, due now: the message of that id, or for 0 all that wait.
  // Returns how many.
  virtual Result<size_t> retry(uint64_t id, uint64_t now_unix_s) = 0;
  // Those delivered or given up before `unix_s`, at most `limit`. Returns how many.
  virtual Result<size_t> forget_before(uint64_t unix_s, size_t limit) = 0;
};

}  // namespace postern::ledger
