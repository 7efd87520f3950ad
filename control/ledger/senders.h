// What each sender did, hour by hour: a summary that the ledger keeps of the events it stores.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "control/ledger/result.h"

namespace postern::ledger {

// Counts of one hour, or summed over several.
struct SenderCounts {
  uint64_t messages = 0;  // events that tell of a message, whatever became of it
  uint64_t forwarded = 0;
  uint64_t refused_spam = 0;
  uint64_t refused_blocked = 0;
  uint64_t deferred = 0;    // held, throttled, not scanned
  uint64_t recipients = 0;  // that the servers took
  uint64_t rejected = 0;    // recipients that they did not
  uint64_t null_senders = 0;
  uint64_t failed_logins = 0;  // of sessions that ended
  uint64_t bytes = 0;
  bool operator==(const SenderCounts&) const = default;
};

struct SenderHour {
  IpAddress sender = {};
  uint64_t hour_unix_s = 0;  // its beginning
  SenderCounts counts = {};
};

struct SenderSum {
  IpAddress sender = {};
  SenderCounts counts = {};
};

enum class SenderOrder { kMessages, kSpam, kAddress };

// Any thread.
class Senders {
 public:
  virtual ~Senders() = default;
  // Those with something since the hour of `since_unix_s`, summed, inside `within` when it is
  // given.
  virtual Result<std::vector<SenderSum>> since(uint64_t since_unix_s, SenderOrder order,
                                               const std::optional<IpPrefix>& within,
                                               uint32_t limit) = 0;
  // Oldest first.
  virtual Result<std::vector<SenderHour>> hours_of(const IpPrefix& prefix,
                                                   uint64_t since_unix_s) = 0;
  virtual Result<size_t> forget_before(uint64_t unix_s, size_t limit) = 0;
};

}  // namespace postern::ledger
