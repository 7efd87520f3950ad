// Customers in the ledger's file.
#pragma once

#include "control/ledger/audit.h"
#include "control/ledger/connection.h"
#include "control/ledger/customers.h"

namespace postern::ledger {

class SqliteCustomers final : public Customers {
 public:
  // Both connections must outlive it. Throws SqliteError.
  SqliteCustomers(Connection& writer, Connection& reader);

  Result<uint64_t> put(const Customer& customer, const std::string& author,
                       uint64_t now_unix_s) override;
  Result<bool> remove(uint64_t id, const std::string& author, uint64_t now_unix_s) override;
  Result<std::optional<Customer>> find(uint64_t id) override;
  Result<std::optional<Customer>> named(const std::string& name) override;
  Result<std::optional<Customer>> owner_of(const IpAddress& address) override;
  Result<std::vector<Customer>> all() override;

 private:
  Customer read(const Statement& row);

  Connection& writer_;
  Statement insert_, update_, remove_, remove_prefixes_, insert_prefix_, record_;
  Statement same_name_, prefix_owner_, before_;
  Connection& reader_;
  Statement by_id_, by_name_, by_prefix_, prefixes_, all_;
};

}  // namespace postern::ledger
