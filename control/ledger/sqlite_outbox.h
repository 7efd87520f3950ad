// The outbox in the ledger's file.
#pragma once

#include "control/ledger/connection.h"
#include "control/ledger/outbox.h"

namespace postern::ledger {

class SqliteOutbox final : public Outbox {
 public:
  // Both connections must outlive it. Throws SqliteError.
  SqliteOutbox(Connection& writer, Connection& reader);

  Result<void> note(std::span<const Happening> happenings) override;
  Result<std::vector<Happening>> happenings() override;
  Result<void> add(std::span<const OutboxMessage> messages,
                   std::span<const uint64_t> told_happenings) override;
  Result<std::optional<LastTold>> last_told(CaseReference reference, Audience audience) override;
  Result<std::vector<OutboxMessage>> due(uint64_t now_unix_s, size_t limit) override;
  Result<std::optional<uint64_t>> next_attempt() override;
  Result<void> begin(uint64_t id, uint64_t next_attempt_unix_s) override;
  Result<void> delivered(uint64_t id, const CaseEntry& entry) override;
  Result<void> failed(uint64_t id, uint64_t next_attempt_unix_s, const std::string& why) override;
  Result<void> give_up(uint64_t id, const std::string& why, const CaseEntry& entry) override;
  Result<std::vector<OutboxMessage>> list(const OutboxQuery& query) override;
  Result<std::optional<OutboxMessage>> find(uint64_t id) override;
  Result<size_t> retry(uint64_t id, uint64_t now_unix_s) override;
  Result<size_t> forget_before(uint64_t unix_s, size_t limit) override;

 private:
  Result<void> end(uint64_t id, const CaseEntry& entry, Statement& how, const std::string& why);

  Connection& writer_;
  Statement note_, tell_, insert_, begin_, deliver_, fail_, give_up_, retry_, retry_all_, forget_,
      case_of_, touch_case_, insert_entry_;
  Connection& reader_;
  Statement happenings_, last_told_, due_, next_attempt_, list_, find_;
};

}  // namespace postern::ledger
