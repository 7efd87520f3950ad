#include "control/ledger/sqlite_ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "control/channel/treatment.h"
#include "control/ledger/address_range.h"
#include "control/ledger/connection.h"
#include "control/ledger/event_rows.h"
#include "control/ledger/schema.h"
#include "control/ledger/sqlite_audit.h"
#include "control/ledger/sqlite_cases.h"
#include "control/ledger/sqlite_customers.h"
#include "control/ledger/sqlite_feeds.h"
#include "control/ledger/sqlite_outbox.h"
#include "control/ledger/sqlite_senders.h"
#include "control/ledger/sqlite_tokens.h"

namespace postern::ledger {
namespace {

#define VERDICT_COLUMNS                                                                       \
  "address, length, treatment, messages_per_minute, case_reference, reason, author, set_at, " \
  "expires_at, starttls, switch, part"

// Of a row of VERDICT_COLUMNS behind `column` others.
Verdict read_verdict(const Statement& row, int column = 0, Told told = Told::kAll) {
  Verdict verdict;
  verdict.prefix.address = IpAddress::from_v6(row.address(column).data());
  verdict.prefix.length = static_cast<uint8_t>(row.number(column + 1));
  verdict.treatment =
      channel::parse_treatment(row.view(column + 2)).value_or(Treatment::TREATMENT_UNSPECIFIED);
  verdict.messages_per_minute = static_cast<uint32_t>(row.number(column + 3));
  verdict.case_reference.number = static_cast<uint64_t>(row.number(column + 4));
  if (told == Told::kAll) {
    verdict.reason = row.text(column + 5);
    verdict.author = row.text(column + 6);
    verdict.set_unix_s = static_cast<uint64_t>(row.number(column + 7));
  }
  verdict.expires_unix_s = static_cast<uint64_t>(row.number(column + 8));
  verdict.starttls =
      channel::parse_starttls(row.view(column + 9)).value_or(StartTls::START_TLS_AS_POLICY);
  const auto of = channel::parse_switch(row.view(column + 10));
  // Taken for another it would refuse mail that nobody meant: a newer program wrote it.
  if (!of)
    throw SqliteError("a verdict in it is of a switch not known here: " + row.text(column + 10));
  verdict.of = *of;
  const auto part = Part::parse(row.view(column + 11));
  // Taken for the whole sender it would block mail that nobody meant.
  if (!part) throw SqliteError("a verdict in it cannot be read: " + part.error());
  verdict.part = *part;
  return verdict;
}

Change read_change(const Statement& row) {
  const std::string action = row.text(0);
  const auto* name = std::ranges::find(kActionNames, action);
  return {static_cast<Action>(name - std::begin(kActionNames)), read_verdict(row, 1)};
}

// A connection, its statements and its lock.
struct Writer {
  explicit Writer(Database& database)
      : upsert(
            database,
            "INSERT INTO verdicts (prefix, " VERDICT_COLUMNS
            ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (address, length, switch, part) "
            "DO UPDATE "
            "SET "
            "treatment = excluded.treatment, messages_per_minute = excluded.messages_per_minute, "
            "case_reference = excluded.case_reference, reason = excluded.reason, "
            "author = excluded.author, set_at = excluded.set_at, "
            "expires_at = excluded.expires_at, starttls = excluded.starttls"),
        remove(database,
               "DELETE FROM verdicts WHERE address = ? AND length = ? AND switch = ? AND part = ?"),
        record(database, "INSERT INTO verdict_history (version, action, prefix, " VERDICT_COLUMNS
                         ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"),
        set_version(database, "UPDATE meta SET version = ?"),
        // Asked after every change: by itself the order makes SQLite read a million verdicts.
        expired(database, "SELECT " VERDICT_COLUMNS
                          " FROM verdicts INDEXED BY verdicts_by_expiry WHERE expires_at != 0 AND "
                          "expires_at <= ? ORDER BY address, length, switch, part"),
        add_batch(database, "INSERT OR IGNORE INTO event_batches VALUES (?,?,?,?)"),
        add_event(database, kInsertEvent),
        forget_events(database,
                      "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE received_at < ? "
                      "AND id < (SELECT min(id) FROM events) + ?)"),
        forget_batches(database, "DELETE FROM event_batches WHERE received_at < ?") {}
  Statement upsert, remove, record, set_version, expired, add_batch, add_event, forget_events,
      forget_batches;
};

struct Feed {
  explicit Feed(Database& database)
      : first_page(database, "SELECT " VERDICT_COLUMNS
                             " FROM verdicts ORDER BY address, length, switch, part LIMIT ?"),
        next_page(database, "SELECT " VERDICT_COLUMNS
                            " FROM verdicts WHERE (address, length, switch, part) > (?, ?, ?, ?) "
                            "ORDER BY address, length, switch, part LIMIT ?"),
        changes(database, "SELECT action, " VERDICT_COLUMNS
                          " FROM verdict_history WHERE version > ? AND version <= ? ORDER BY "
                          "version, id LIMIT ?"),
        next_expiry(database, "SELECT min(expires_at) FROM verdicts WHERE expires_at != 0") {}
  Statement first_page, next_page, changes, next_expiry;
};

struct Desk {
  explicit Desk(Database& database)
      : on(database, "SELECT " VERDICT_COLUMNS " FROM verdicts WHERE address = ? AND length = ?"),
        exactly(database,
                "SELECT " VERDICT_COLUMNS
                " FROM verdicts WHERE address = ? AND length = ? AND switch = ? AND part = ?"),
        within(database, "SELECT " VERDICT_COLUMNS
                         " FROM verdicts WHERE address BETWEEN ? AND ? AND length >= ? "
                         "ORDER BY address, length, switch, part"),
        history(database,
                "SELECT action, " VERDICT_COLUMNS
                " FROM verdict_history WHERE address = ? AND length = ? ORDER BY id DESC"),
        events(database, kSelectEvents),
        events_of_client(database, kSelectEventsOfClient),
        events_of_case(database, kSelectEventsOfCase),
        shadow_events(database, kSelectShadowEvents) {}
  Statement on, exactly, within, history, events, events_of_client, events_of_case, shadow_events;
};

// A connection with its prepared statements.
template <typename Statements>
struct Prepared : Connection {
  explicit Prepared(const std::filesystem::path& file) : Connection(file), statements(database) {}

  Statements statements;
};

// Runs `work` with the connection's statements, alone.
template <typename Statements, typename Work>
auto use(Prepared<Statements>& connection, Work work) {
  return alone_on(connection, [&] { return work(connection.statements); });
}

class SqliteLedger : public Ledger {
 public:
  // Throws SqliteError.
  explicit SqliteLedger(const std::filesystem::path& file)
      : file_(checked_and_migrated(file)),
        writer_(file),
        feed_(file),
        desk_(file),
        customers_(writer_, desk_),
        cases_(writer_, desk_),
        senders_(writer_, desk_),
        feeds_(writer_, desk_),
        audit_(writer_, desk_),
        outbox_(writer_, desk_),
        tokens_(writer_, desk_) {
    writer_.database.execute(
        "PRAGMA synchronous = FULL");  // a commit returns when it is on the disk
    // A list of a million addresses goes in as one change, in no order of theirs: 64 MiB of pages.
    writer_.database.execute("PRAGMA cache_size = -65536");
    // The tables that enforcement rests on are read through once; the events are too many for that.
    for (const char* check : {"PRAGMA quick_check('meta')", "PRAGMA quick_check('verdicts')"}) {
      const std::string found = writer_.database.text(check);
      if (found != "ok")
        throw SqliteError(fmt::format("it is damaged ({}): restore it from a backup", found));
    }
    epoch_ = writer_.database.text("SELECT epoch FROM meta");
    version_ = static_cast<uint64_t>(writer_.database.number("SELECT version FROM meta"));
    if (epoch_.empty())
      throw SqliteError("it has lost its identity (table meta): restore it from a backup");
  }

  Customers& customers() override { return customers_; }
  Cases& cases() override { return cases_; }
  Senders& senders() override { return senders_; }
  Feeds& feeds() override { return feeds_; }
  Audit& audit() override { return audit_; }
  Outbox& outbox() override { return outbox_; }
  Tokens& tokens() override { return tokens_; }

  std::string location() const override { return file_; }
  Version version() const override { return {epoch_, version_.load()}; }

  Result<uint64_t> apply(std::span<const Change> changes) override {
    return use(writer_, [&](Writer& w) { return apply_locked(w, changes); });
  }

  Result<size_t> expire(uint64_t now_unix_s) override {
    return use(writer_, [&](Writer& w) {
      std::vector<Change> changes;
      for (w.expired.with(now_unix_s); w.expired.step();) {
        changes.push_back({Action::kExpire, read_verdict(w.expired)});
        changes.back().verdict.author = "postern-control";
        changes.back().verdict.set_unix_s = now_unix_s;
      }
      apply_locked(w, changes);
      return changes.size();
    });
  }

  Result<std::optional<uint64_t>> next_expiry() override {
    return use(feed_, [&](Feed& f) -> std::optional<uint64_t> {
      f.next_expiry.with();
      const int64_t at = f.next_expiry.step() ? f.next_expiry.number(0) : 0;
      f.next_expiry.reset();
      if (at == 0) return std::nullopt;
      return static_cast<uint64_t>(at);
    });
  }

  Result<std::optional<Verdict>> verdict_on(const VerdictKey& key) override {
    return use(desk_, [&](Desk& d) -> std::optional<Verdict> {
      d.exactly.with(key.prefix.address.bytes(), uint32_t{key.prefix.length},
                     channel::switch_name(key.of), key.part.to_string());
      if (!d.exactly.step()) return std::nullopt;
      Verdict verdict = read_verdict(d.exactly);
      d.exactly.reset();
      return verdict;
    });
  }

  Result<std::vector<Verdict>> verdicts_on(const IpPrefix& prefix) override {
    return use(desk_, [&](Desk& d) {
      std::vector<Verdict> found = on_prefix(d, prefix);
      std::ranges::stable_sort(found, {}, [](const Verdict& v) { return std::pair(v.of, v.part); });
      return found;
    });
  }

  Result<std::vector<Verdict>> verdicts_covering(const IpAddress& address) override {
    return use(desk_, [&](Desk& d) {
      std::vector<Verdict> chain;
      for (int length = address.is_v4() ? 32 : 128; length >= 0; --length) {
        const auto prefix = IpPrefix::containing(address, static_cast<uint8_t>(length));
        for (Verdict& verdict : on_prefix(d, prefix)) chain.push_back(std::move(verdict));
      }
      std::ranges::stable_sort(
          chain, {}, [](const Verdict& v) { return std::pair(!v.part.is_whole(), v.of); });
      return chain;
    });
  }

  Result<std::vector<Verdict>> verdicts_within(const IpPrefix& prefix) override {
    return use(desk_, [&](Desk& d) {
      std::vector<Verdict> found;
      d.within.with(prefix.address.bytes(), last_address(prefix), uint32_t{prefix.length});
      while (d.within.step()) {
        Verdict verdict = read_verdict(d.within);
        // ::/0 spans the keys of IPv4, too.
        if (verdict.prefix.address.is_v4() == prefix.address.is_v4())
          found.push_back(std::move(verdict));
      }
      return found;
    });
  }

  Result<std::vector<Verdict>> verdicts_after(const std::optional<VerdictKey>& after, size_t limit,
                                              Told told) override {
    return use(feed_, [&](Feed& f) {
      std::vector<Verdict> page;
      page.reserve(limit);
      Statement& rows =
          after ? f.next_page.with(after->prefix.address.bytes(), uint32_t{after->prefix.length},
                                   channel::switch_name(after->of), after->part.to_string(),
                                   uint64_t{limit})
                : f.first_page.with(uint64_t{limit});
      while (rows.step()) page.push_back(read_verdict(rows, 0, told));
      return page;
    });
  }

  Result<std::optional<std::vector<Change>>> changes_since(uint64_t version, uint64_t until,
                                                           size_t limit) override {
    return use(feed_, [&](Feed& f) -> std::optional<std::vector<Change>> {
      std::vector<Change> changes;
      for (f.changes.with(version, until, uint64_t{limit} + 1); f.changes.step();) {
        changes.push_back(read_change(f.changes));
      }
      if (changes.size() > limit) return std::nullopt;
      return changes;
    });
  }

  Result<std::vector<Change>> history_of(const IpPrefix& prefix) override {
    return use(desk_, [&](Desk& d) {
      std::vector<Change> changes;
      for (d.history.with(prefix.address.bytes(), uint32_t{prefix.length}); d.history.step();) {
        changes.push_back(read_change(d.history));
      }
      return changes;
    });
  }

  Result<bool> store_events(const std::string& gate, const channel::v1::EventBatch& batch,
                            uint64_t now_unix_s) override {
    return use(writer_, [&](Writer& w) {
      Transaction transaction(writer_.database);
      if (w.add_batch.with(gate, batch.boot(), uint64_t{batch.batch()}, now_unix_s).run() == 0)
        return false;
      for (const channel::v1::Event& event : batch.events())
        insert_event(w.add_event, gate, now_unix_s, event);
      senders_.count(batch, now_unix_s);
      transaction.commit();
      return true;
    });
  }

  Result<std::vector<channel::v1::Event>> events(const EventQuery& query) override {
    return use(desk_, [&](Desk& d) {
      Statement& rows = query.case_reference ? d.events_of_case.with(query.case_reference.number)
                        : query.client ? d.events_of_client.with(query.client->address.bytes(),
                                                                 last_address(*query.client))
                                       : d.events.with();
      std::vector<channel::v1::Event> found;
      while (found.size() < query.limit && rows.step()) {
        channel::v1::Event event = read_event(rows);
        if (!query.outcome.empty() && event.outcome() != query.outcome) continue;
        if (query.client && !query.client->contains(
                                IpAddress::from_v6(rows.address(kClientAddressColumn).data()))) {
          continue;
        }
        found.push_back(std::move(event));
      }
      rows.reset();
      return found;
    });
  }

  Result<ShadowPage> shadow_events(const ShadowQuery& query) override {
    return use(desk_, [&](Desk& d) {
      ShadowPage page;
      const uint64_t before = query.before_row == 0 ? uint64_t{INT64_MAX} : query.before_row;
      Statement& rows =
          d.shadow_events.with(before, query.since_unix_s * 1'000'000, uint64_t{query.limit});
      uint64_t row = 0;
      while (rows.step()) {
        page.events.push_back(read_event(rows));
        row = static_cast<uint64_t>(rows.number(kShadowRowColumn));
      }
      rows.reset();
      if (page.events.size() == query.limit) page.last_row = row;
      return page;
    });
  }

  Result<size_t> forget_events_before(uint64_t unix_s, size_t limit) override {
    return use(writer_, [&](Writer& w) {
      Transaction transaction(writer_.database);
      const int64_t forgotten = w.forget_events.with(unix_s, uint64_t{limit}).run();
      w.forget_batches.with(unix_s).run();
      transaction.commit();
      return static_cast<size_t>(forgotten);
    });
  }

  Result<Totals> totals() override {
    return use(desk_, [&](Desk&) {
      Database& database = desk_.database;
      // Events are forgotten oldest first, so their numbers have no holes.
      return Totals{
          .verdicts = static_cast<uint64_t>(database.number("SELECT count(*) FROM verdicts")),
          .events =
              static_cast<uint64_t>(database.number("SELECT ifnull((SELECT max(id) FROM events) - "
                                                    "(SELECT min(id) FROM events) + 1, 0)"))};
    });
  }

 private:
  static std::vector<Verdict> on_prefix(Desk& d, const IpPrefix& prefix) {
    std::vector<Verdict> found;
    d.on.with(prefix.address.bytes(), uint32_t{prefix.length});
    while (d.on.step()) found.push_back(read_verdict(d.on));
    return found;
  }

  // The connections below prepare statements on tables: they must be there before.
  static std::string checked_and_migrated(const std::filesystem::path& file) {
    Database database(file);
    migrate(database);
    return file.string();
  }

  uint64_t apply_locked(Writer& w, std::span<const Change> changes) {
    if (changes.empty()) return version_;
    const uint64_t next = version_ + 1;
    Transaction transaction(writer_.database);
    for (const Change& change : changes) {
      const Verdict& v = change.verdict;
      const std::string prefix = v.prefix.to_string(), part = v.part.to_string();
      const std::string_view treatment = v.treatment == Treatment::TREATMENT_UNSPECIFIED
                                             ? ""
                                             : channel::treatment_name(v.treatment);
      if (change.action == Action::kSet) {
        w.upsert
            .with(prefix, v.prefix.address.bytes(), uint32_t{v.prefix.length}, treatment,
                  v.messages_per_minute, v.case_reference.number, v.reason, v.author, v.set_unix_s,
                  v.expires_unix_s, channel::starttls_name(v.starttls), channel::switch_name(v.of),
                  part)
            .run();
      } else {
        w.remove
            .with(v.prefix.address.bytes(), uint32_t{v.prefix.length}, channel::switch_name(v.of),
                  part)
            .run();
      }
      w.record
          .with(next, kActionNames[static_cast<size_t>(change.action)], prefix,
                v.prefix.address.bytes(), uint32_t{v.prefix.length}, treatment,
                v.messages_per_minute, v.case_reference.number, v.reason, v.author, v.set_unix_s,
                v.expires_unix_s, channel::starttls_name(v.starttls), channel::switch_name(v.of),
                part)
          .run();
    }
    w.set_version.with(next).run();
    transaction.commit();
    version_ = next;
    return next;
  }

  std::string file_;
  Prepared<Writer> writer_;
  Prepared<Feed> feed_;
  Prepared<Desk> desk_;
  SqliteCustomers customers_;
  SqliteCases cases_;
  SqliteSenders senders_;
  SqliteFeeds feeds_;
  SqliteAudit audit_;
  SqliteOutbox outbox_;
  SqliteTokens tokens_;
  std::string epoch_;
  std::atomic<uint64_t> version_ = 0;
};

}  // namespace

Result<std::unique_ptr<Ledger>> open_sqlite_ledger(const std::filesystem::path& file) {
  try {
    return std::make_unique<SqliteLedger>(file);
  } catch (const SqliteError& error) {
    const std::string what = error.what();
    if (what.find(file.string()) != std::string::npos) return std::unexpected(what);
    return std::unexpected(fmt::format("the ledger {}: {}", file.string(), what));
  }
}

}  // namespace postern::ledger
