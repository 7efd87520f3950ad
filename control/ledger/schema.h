// The tables of the SQLite ledger, and how an older file becomes a new one.
#pragma once

#include "control/ledger/sqlite.h"

namespace postern::ledger {

// Brings the file to the schema this program knows, in one transaction. Throws SqliteError when it
// is newer than that, or the database of something else. Tests of what older files become stop at
// `schema`; 0: this program's.
void migrate(Database& database, int64_t schema = 0);

// Throws SqliteError when the file is no ledger, or one of another schema than this program's.
void check_schema(Database& database);

}  // namespace postern::ledger
