// The tables of the SQLite ledger, and how an older file becomes a new one.
#pragma once

#include "control/ledger/sqlite.h"

namespace postern::ledger {

// Brings the file to the schema this program knows, in one transaction. Throws SqliteError when it
// is newer than that, or the database of something else.
void migrate(Database& database);

}  // namespace postern::ledger
