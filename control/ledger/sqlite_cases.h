// Cases, their history and evidence in the ledger's file.
#pragma once

#include "control/ledger/cases.h"
#include "control/ledger/connection.h"

namespace postern::ledger {

class SqliteCases final : public Cases {
 public:
  // Both connections must outlive it. Throws SqliteError.
  SqliteCases(Connection& writer, Connection& reader);

  Result<void> open(const Case& opened, const CaseEntry& entry) override;
  Result<void> change(const Case& changed, const CaseEntry& entry) override;
  Result<void> add_entry(CaseReference reference, const CaseEntry& entry) override;
  Result<std::optional<Case>> find(CaseReference reference) override;
  Result<std::optional<Case>> about(const Subject& subject) override;
  Result<std::vector<Case>> list(const CaseQuery& query) override;
  Result<std::vector<CaseEntry>> history(CaseReference reference) override;
  Result<bool> add_evidence(const Evidence& evidence, uint32_t most) override;
  Result<std::vector<Evidence>> evidence(CaseReference reference) override;
  Result<size_t> forget_evidence_before(uint64_t unix_s, size_t limit) override;

 private:
  void write_entry(CaseReference reference, const CaseEntry& entry);

  Connection& writer_;
  Statement taken_, insert_, update_, touch_, insert_entry_;
  Statement evidence_count_, insert_evidence_, forget_evidence_;
  Connection& reader_;
  Statement by_reference_, by_subject_, list_, history_, evidence_;
};

}  // namespace postern::ledger
