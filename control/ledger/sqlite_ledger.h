// The ledger in one SQLite file, in WAL mode with synchronous=FULL.
//
// Three connections, each behind its own lock, so that what is slow never holds up what is urgent:
// one writes, one feeds the data planes (changes, pages), one answers operators.
#pragma once

#include <filesystem>
#include <memory>

#include "control/ledger/ledger.h"

namespace postern::ledger {

// Opens the ledger, or creates an empty one. The directory must exist.
Result<std::unique_ptr<Ledger>> open_sqlite_ledger(const std::filesystem::path& file);

}  // namespace postern::ledger
