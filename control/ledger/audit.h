// Who changed what, beside verdicts and cases, which have histories of their own. Append-only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/ledger/result.h"

namespace postern::ledger {

struct AuditEntry {
  uint64_t at_unix_s = 0;
  std::string author = {};
  std::string action = {};   // "customer set", "token made", "probe", "login"…
  std::string subject = {};  // what it was done to, as people call it
  std::string detail = {};   // JSON or a sentence
  bool operator==(const AuditEntry&) const = default;
};

// Any thread.
class Audit {
 public:
  virtual ~Audit() = default;
  virtual Result<void> record(const AuditEntry& entry) = 0;
  // Newest first; those of one author or subject when it is not empty.
  virtual Result<std::vector<AuditEntry>> entries(const std::string& author,
                                                  const std::string& subject, uint32_t limit) = 0;
};

}  // namespace postern::ledger
