#include "control/ledger/schema.h"

#include <fmt/format.h>

#include <iterator>

namespace postern::ledger {
namespace {

// "PSTN", in the file's header: tells a ledger from other databases (PRAGMA application_id).
constexpr int64_t kApplicationId = 0x5053544e;

// Each entry takes the file one schema further; PRAGMA user_version counts them. Released entries
// are never edited.
constexpr const char* kMigrations[] = {
    // 1. Addresses are 16 octets, IPv4 as ::ffff:a.b.c.d, so that a range of either family is a
    // range of
    // keys; `length` counts in the address's own family. `prefix` says the same to people.
    R"(
CREATE TABLE meta (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  epoch TEXT NOT NULL,
  version INTEGER NOT NULL
);
INSERT INTO meta VALUES (1, lower(hex(randomblob(16))), 0);

CREATE TABLE verdicts (
  address BLOB NOT NULL,
  length INTEGER NOT NULL,
  prefix TEXT NOT NULL,
  treatment TEXT NOT NULL,
  messages_per_minute INTEGER NOT NULL,
  case_reference INTEGER NOT NULL,
  reason TEXT NOT NULL,
  author TEXT NOT NULL,
  set_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (address, length)
) WITHOUT ROWID;
CREATE INDEX verdicts_by_expiry ON verdicts (expires_at) WHERE expires_at != 0;

CREATE TABLE verdict_history (
  id INTEGER PRIMARY KEY,
  version INTEGER NOT NULL,
  action TEXT NOT NULL CHECK (action IN ('set', 'clear', 'expire')),
  address BLOB NOT NULL,
  length INTEGER NOT NULL,
  prefix TEXT NOT NULL,
  treatment TEXT NOT NULL,
  messages_per_minute INTEGER NOT NULL,
  case_reference INTEGER NOT NULL,
  reason TEXT NOT NULL,
  author TEXT NOT NULL,
  set_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
);
CREATE INDEX verdict_history_by_version ON verdict_history (version);
CREATE INDEX verdict_history_by_prefix ON verdict_history (address, length);
CREATE TRIGGER verdict_history_keeps BEFORE UPDATE ON verdict_history
  BEGIN SELECT RAISE(ABORT, 'the history of verdicts is append-only'); END;
CREATE TRIGGER verdict_history_stays BEFORE DELETE ON verdict_history
  BEGIN SELECT RAISE(ABORT, 'the history of verdicts is append-only'); END;

CREATE TABLE event_batches (
  gate TEXT NOT NULL,
  boot TEXT NOT NULL,
  batch INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (gate, boot, batch)
) WITHOUT ROWID;
CREATE INDEX event_batches_by_time ON event_batches (received_at);

CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  gate TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  outcome TEXT NOT NULL,
  case_reference INTEGER NOT NULL,
  wall_us INTEGER NOT NULL,
  client_address BLOB NOT NULL,
  client TEXT NOT NULL,
  client_port INTEGER NOT NULL,
  server TEXT NOT NULL,
  server_port INTEGER NOT NULL,
  helo TEXT NOT NULL,
  auth_user TEXT NOT NULL,
  mail_from TEXT NOT NULL,
  null_sender INTEGER NOT NULL,
  recipients_count INTEGER NOT NULL,
  recipients_rejected INTEGER NOT NULL,
  recipients TEXT NOT NULL,
  subject TEXT NOT NULL,
  message_bytes INTEGER NOT NULL,
  server_reply INTEGER NOT NULL,
  score REAL NOT NULL,
  rules TEXT NOT NULL,
  signature_set TEXT NOT NULL,
  anomalies TEXT NOT NULL
);
CREATE INDEX events_by_client ON events (client_address, id);
CREATE INDEX events_by_case ON events (case_reference, id) WHERE case_reference != 0;
)",
    // 2. Which message it was, for whoever has it; empty for what was stored before.
    R"(
ALTER TABLE events ADD COLUMN content_hash TEXT NOT NULL DEFAULT '';
)",
    // 3. What a verdict says of STARTTLS.
    R"(
ALTER TABLE verdicts ADD COLUMN starttls TEXT NOT NULL DEFAULT 'policy';
ALTER TABLE verdict_history ADD COLUMN starttls TEXT NOT NULL DEFAULT 'policy';
)",
    // 4. What the connection showed, where the message came from, what it links to. JSON: objects
    // (empty text: there is none) and a list.
    R"(
ALTER TABLE events ADD COLUMN session TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN origin TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN link_domains TEXT NOT NULL DEFAULT '[]';
)",
    // 5. What a shadow set made of the message. '' for shadow_set: none saw it.
    R"(
ALTER TABLE events ADD COLUMN shadow_set TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN shadow_score REAL NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN shadow_rules TEXT NOT NULL DEFAULT '[]';
ALTER TABLE events ADD COLUMN threshold REAL NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN shadow_failed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX events_with_shadow ON events (id) WHERE shadow_set != '';
)",
    // 6. Rules that the matcher gave up at their bound on work.
    R"(
ALTER TABLE events ADD COLUMN rules_cut TEXT NOT NULL DEFAULT '[]';
)",
    // 7. What a verdict is about: the policy's treatment or one of the three switches. A prefix may
    // have one of each.
    R"(
CREATE TABLE verdicts_by_switch (
  address BLOB NOT NULL,
  length INTEGER NOT NULL,
  switch TEXT NOT NULL,
  prefix TEXT NOT NULL,
  treatment TEXT NOT NULL,
  messages_per_minute INTEGER NOT NULL,
  case_reference INTEGER NOT NULL,
  reason TEXT NOT NULL,
  author TEXT NOT NULL,
  set_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  starttls TEXT NOT NULL,
  PRIMARY KEY (address, length, switch)
) WITHOUT ROWID;
INSERT INTO verdicts_by_switch
  SELECT address, length, 'treatment', prefix, treatment, messages_per_minute, case_reference,
         reason, author, set_at, expires_at, starttls FROM verdicts;
DROP TABLE verdicts;
ALTER TABLE verdicts_by_switch RENAME TO verdicts;
CREATE INDEX verdicts_by_expiry ON verdicts (expires_at) WHERE expires_at != 0;
ALTER TABLE verdict_history ADD COLUMN switch TEXT NOT NULL DEFAULT 'treatment';
)",
    // 8. Customers, cases with their evidence, what senders did hour by hour, and the audit.
    R"(
CREATE TABLE customers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  language TEXT NOT NULL,
  contacts TEXT NOT NULL,
  channels TEXT NOT NULL,
  limits TEXT NOT NULL,
  notes TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
);
CREATE TABLE customer_prefixes (
  address BLOB NOT NULL,
  length INTEGER NOT NULL,
  customer INTEGER NOT NULL,
  PRIMARY KEY (address, length)
) WITHOUT ROWID;
CREATE INDEX customer_prefixes_by_customer ON customer_prefixes (customer);

CREATE TABLE cases (
  reference INTEGER PRIMARY KEY,
  customer INTEGER NOT NULL,
  address BLOB NOT NULL,
  length INTEGER NOT NULL,
  part TEXT NOT NULL,
  state TEXT NOT NULL,
  step TEXT NOT NULL,
  cause TEXT NOT NULL,
  diagnosis TEXT NOT NULL,
  marks TEXT NOT NULL,
  opened_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  closed_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX cases_by_subject ON cases (address, length, part) WHERE closed_at = 0;
CREATE INDEX cases_by_change ON cases (changed_at);
CREATE TABLE case_history (
  id INTEGER PRIMARY KEY,
  reference INTEGER NOT NULL,
  at INTEGER NOT NULL,
  author TEXT NOT NULL,
  action TEXT NOT NULL,
  text TEXT NOT NULL
);
CREATE INDEX case_history_by_case ON case_history (reference, id);
CREATE TRIGGER case_history_keeps BEFORE UPDATE ON case_history
  BEGIN SELECT RAISE(ABORT, 'the history of cases is append-only'); END;
CREATE TRIGGER case_history_stays BEFORE DELETE ON case_history
  BEGIN SELECT RAISE(ABORT, 'the history of cases is append-only'); END;
CREATE TABLE evidence (
  id INTEGER PRIMARY KEY,
  reference INTEGER NOT NULL,
  wall_us INTEGER NOT NULL,
  why TEXT NOT NULL,
  event TEXT NOT NULL
);
CREATE INDEX evidence_by_case ON evidence (reference, wall_us);
CREATE INDEX evidence_by_time ON evidence (wall_us);

CREATE TABLE sender_hours (
  address BLOB NOT NULL,
  hour INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  forwarded INTEGER NOT NULL,
  refused_spam INTEGER NOT NULL,
  refused_blocked INTEGER NOT NULL,
  deferred INTEGER NOT NULL,
  recipients INTEGER NOT NULL,
  rejected INTEGER NOT NULL,
  null_senders INTEGER NOT NULL,
  failed_logins INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (address, hour)
) WITHOUT ROWID;
CREATE INDEX sender_hours_by_hour ON sender_hours (hour);

CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  author TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL
);
CREATE TRIGGER audit_keeps BEFORE UPDATE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_stays BEFORE DELETE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
)",
    // 9. Followed feeds.
    R"(
CREATE TABLE feeds (
  name TEXT PRIMARY KEY,
  format TEXT NOT NULL,
  path TEXT NOT NULL,
  treatment TEXT NOT NULL,
  every_s INTEGER NOT NULL,
  read_at INTEGER NOT NULL,
  imported_at INTEGER NOT NULL,
  published_at INTEGER NOT NULL,
  entries INTEGER NOT NULL,
  problem TEXT NOT NULL
) WITHOUT ROWID;
)",
    // 10. The part of a sender's mail that a verdict is about ('': all of it), which of them held a
    // message, and the beginning of its header.
    R"(
CREATE TABLE verdicts_by_part (
  address BLOB NOT NULL,
  length INTEGER NOT NULL,
  switch TEXT NOT NULL,
  part TEXT NOT NULL CHECK (part = '' OR switch = 'smorf-block'),
  prefix TEXT NOT NULL,
  treatment TEXT NOT NULL CHECK (part = '' OR treatment IN ('hold', 'refuse')),
  messages_per_minute INTEGER NOT NULL,
  case_reference INTEGER NOT NULL,
  reason TEXT NOT NULL,
  author TEXT NOT NULL,
  set_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  starttls TEXT NOT NULL,
  PRIMARY KEY (address, length, switch, part)
) WITHOUT ROWID;
INSERT INTO verdicts_by_part
  SELECT address, length, switch, '', prefix, treatment, messages_per_minute, case_reference,
         reason, author, set_at, expires_at, starttls FROM verdicts;
DROP TABLE verdicts;
ALTER TABLE verdicts_by_part RENAME TO verdicts;
CREATE INDEX verdicts_by_expiry ON verdicts (expires_at) WHERE expires_at != 0;
ALTER TABLE verdict_history ADD COLUMN part TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN held_by TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN header_sample BLOB NOT NULL DEFAULT x'';
ALTER TABLE events ADD COLUMN header_sample_cut INTEGER NOT NULL DEFAULT 0;
)",
    // 11. What is yet to be told of cases, and the messages that tell it.
    R"(
CREATE TABLE happenings (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  reference INTEGER NOT NULL,
  audience TEXT NOT NULL,
  what TEXT NOT NULL,
  at INTEGER NOT NULL
);
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  reference INTEGER NOT NULL,
  audience TEXT NOT NULL,
  customer INTEGER NOT NULL,
  channel TEXT NOT NULL,
  recipient TEXT NOT NULL,
  identity TEXT NOT NULL UNIQUE,
  what TEXT NOT NULL,
  entries_told INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  next_attempt_at INTEGER NOT NULL,
  last_error TEXT NOT NULL,
  delivered_at INTEGER NOT NULL,
  given_up_at INTEGER NOT NULL,
  message BLOB NOT NULL
);
CREATE INDEX outbox_by_attempt ON outbox (next_attempt_at) WHERE next_attempt_at != 0;
CREATE INDEX outbox_by_case ON outbox (reference, audience);
)",
    // 12. Tokens for the API and the console: of a token only its SHA-256.
    R"(
CREATE TABLE api_tokens (
  name TEXT PRIMARY KEY,
  role TEXT NOT NULL CHECK (role IN ('viewer', 'technician', 'admin')),
  sha256 BLOB NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER NOT NULL,
  revoked_at INTEGER NOT NULL
) WITHOUT ROWID;
)",
};

constexpr int64_t kKnown = std::ssize(kMigrations);

// The file's schema; 0 of an empty file.
int64_t schema_of(Database& database) {
  const int64_t application = database.number("PRAGMA application_id");
  const int64_t objects = database.number("SELECT count(*) FROM sqlite_schema");
  if (application != kApplicationId && objects != 0) {
    throw SqliteError(
        "this file is the database of another program, not a Postern ledger: name another file in "
        "control.ledger");
  }
  const int64_t found = database.number("PRAGMA user_version");
  if (found > kKnown) {
    throw SqliteError(
        fmt::format("this ledger has schema {} and was written by a newer Postern; this one knows "
                    "up to {}: install the newer one "
                    "again, or restore a backup from before the upgrade",
                    found, kKnown));
  }
  return found;
}

}  // namespace

void check_schema(Database& database) {
  const int64_t found = schema_of(database);
  if (found == kKnown) return;
  if (found == 0) throw SqliteError("this file is empty, not a Postern ledger");
  throw SqliteError(fmt::format(
      "this ledger has schema {}, this Postern's is {}: start postern-control on it once, which "
      "takes it further",
      found, kKnown));
}

void migrate(Database& database, int64_t schema) {
  const int64_t wanted = schema == 0 ? kKnown : schema;
  const int64_t found = schema_of(database);
  if (found >= wanted) return;
  // Stays in the file; every later connection has it.
  database.execute("PRAGMA journal_mode = WAL");
  Transaction transaction(database);
  for (int64_t i = found; i < wanted; ++i) database.execute(kMigrations[i]);
  database.execute(
      fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplicationId, wanted)
          .c_str());
  transaction.commit();
}

}  // namespace postern::ledger
