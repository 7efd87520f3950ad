// Hourly counts of senders in the ledger's file.
#pragma once

#include "control/channel/channel.pb.h"
#include "control/ledger/connection.h"
#include "control/ledger/senders.h"

namespace postern::ledger {

class SqliteSenders final : public Senders {
 public:
  // Both connections must outlive it. Throws SqliteError.
  SqliteSenders(Connection& writer, Connection& reader);

  // Inside the caller's transaction on the writer, whose lock the caller holds. An event without a
  // time counts in the hour of `now_unix_s`. Throws SqliteError.
  void count(const channel::v1::EventBatch& batch, uint64_t now_unix_s);

  Result<std::vector<SenderSum>> since(uint64_t since_unix_s, SenderOrder order,
                                       const std::optional<IpPrefix>& within,
                                       uint32_t limit) override;
  Result<std::vector<SenderHour>> hours_of(const IpPrefix& prefix, uint64_t since_unix_s) override;
  Result<size_t> forget_before(uint64_t unix_s, size_t limit) override;

 private:
  Connection& writer_;
  Statement add_, forget_;
  Connection& reader_;
  Statement by_messages_, by_spam_, by_address_, hours_;
};

// What one event adds.
SenderCounts counts_of(const channel::v1::Event& event);

}  // namespace postern::ledger
