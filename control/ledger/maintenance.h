// A ledger's file looked after from outside the control process: checked, copied, put back.
//
// A copy can be taken while a control process writes; it is the ledger as it was at one moment.
// Whoever puts one back gets a ledger with another identity (epoch): its versions count on from
// those of the copy, and data planes that have seen later ones must not take them for the same.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "control/ledger/ledger.h"

namespace postern::ledger {

struct LedgerCheck {
  Version version = {};
  uint64_t verdicts = 0;
  uint64_t changes = 0;  // of verdicts, ever
  uint64_t events = 0;
  std::vector<std::string> problems = {};  // none: it is sound
};

// Reads all of it: its pages, its indexes, and whether the verdicts are what their history makes of
// them. Changes nothing. The error: there is no ledger to check, or one of another schema.
Result<LedgerCheck> check_ledger(const std::filesystem::path& file);

// Copies the ledger to `to`, which must not be there yet; nothing is left there on an error. A
// ledger with problems is copied too: they are told.
Result<LedgerCheck> back_up_ledger(const std::filesystem::path& file,
                                   const std::filesystem::path& to);

struct Restored {
  LedgerCheck check;               // of the backup
  std::filesystem::path replaced;  // where the ledger is that was there; empty: there was none
};
// Puts a sound backup in the place of the ledger `file`. The caller holds the lock of `file`
// (base/instance_lock.h). On an error the ledger that was there still is. `now_unix_s` names what
// is replaced.
Result<Restored> restore_ledger(const std::filesystem::path& backup,
                                const std::filesystem::path& file, uint64_t now_unix_s);

}  // namespace postern::ledger
