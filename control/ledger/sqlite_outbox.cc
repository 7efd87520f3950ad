#include "control/ledger/sqlite_outbox.h"

#include <fmt/format.h>

namespace postern::ledger {
namespace {

constexpr std::string_view kOutboxColumns =
    "id, reference, audience, customer, channel, recipient, identity, what, entries_told, "
    "created_at, attempts, next_attempt_at, last_error, delivered_at, given_up_at";
constexpr int kMessageColumn = 15;  // behind them, where it is asked for

std::string_view name_of(Audience audience) {
  return kAudienceNames[static_cast<size_t>(audience)];
}
Audience audience_of(const std::string& name) {
  return name == kAudienceNames[0] ? Audience::kCustomer : Audience::kOperator;
}
std::string_view name_of(OutboxChannel channel) {
  return kOutboxChannelNames[static_cast<size_t>(channel)];
}

OutboxMessage read_message(const Statement& row) {
  const auto number = [&](int column) { return static_cast<uint64_t>(row.number(column)); };
  return {.id = number(0),
          .reference = {number(1)},
          .audience = audience_of(row.text(2)),
          .customer = number(3),
          .channel = row.text(4) == kOutboxChannelNames[1] ? OutboxChannel::kWebhook
                                                           : OutboxChannel::kEmail,
          .to = row.text(5),
          .identity = row.text(6),
          .what = row.text(7),
          .entries_told = static_cast<uint32_t>(row.number(8)),
          .created_unix_s = number(9),
          .attempts = static_cast<uint32_t>(row.number(10)),
          .next_attempt_unix_s = number(11),
          .last_error = row.text(12),
          .delivered_unix_s = number(13),
          .given_up_unix_s = number(14)};
}

}  // namespace

SqliteOutbox::SqliteOutbox(Connection& writer, Connection& reader)
    : writer_(writer),
      note_(writer.database,
            "INSERT INTO happenings (reference, audience, what, at) VALUES (?,?,?,?)"),
      tell_(writer.database, "DELETE FROM happenings WHERE id = ?"),
      insert_(writer.database,
              "INSERT INTO outbox (reference, audience, customer, channel, recipient, identity, "
              "what, entries_told, created_at, attempts, next_attempt_at, last_error, "
              "delivered_at, given_up_at, message) VALUES (?,?,?,?,?,?,?,?,?,0,?,'',0,0,?)"),
      begin_(writer.database,
             "UPDATE outbox SET attempts = attempts + 1, next_attempt_at = ?, last_error = ? "
             "WHERE id = ? AND next_attempt_at != 0"),
      deliver_(writer.database,
               "UPDATE outbox SET next_attempt_at = 0, last_error = ?, "
               "delivered_at = ?, given_up_at = 0 WHERE id = ? AND delivered_at = 0"),
      fail_(writer.database,
            "UPDATE outbox SET next_attempt_at = ?, last_error = ? "
            "WHERE id = ? AND next_attempt_at != 0"),
      give_up_(writer.database,
               "UPDATE outbox SET next_attempt_at = 0, last_error = ?, "
               "given_up_at = ? WHERE id = ? AND next_attempt_at != 0"),
      retry_(writer.database,
             "UPDATE outbox SET next_attempt_at = ?, given_up_at = 0 WHERE id = ? AND "
             "delivered_at = 0"),
      retry_all_(writer.database,
                 "UPDATE outbox SET next_attempt_at = ? WHERE next_attempt_at != 0"),
      forget_(writer.database,
              "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE next_attempt_at = 0 "
              "AND max(delivered_at, given_up_at) < ? ORDER BY id LIMIT ?)"),
      case_of_(writer.database, "SELECT reference FROM outbox WHERE id = ?"),
      touch_case_(writer.database, "UPDATE cases SET changed_at = ? WHERE reference = ?"),
      insert_entry_(writer.database,
                    "INSERT INTO case_history (reference, at, author, action, text) "
                    "VALUES (?,?,?,?,?)"),
      reader_(reader),
      happenings_(reader.database,
                  "SELECT id, reference, audience, what, at FROM happenings ORDER BY id"),
      last_told_(reader.database,
                 "SELECT created_at, entries_told FROM outbox WHERE reference = ? AND audience = ? "
                 "ORDER BY id DESC LIMIT 1"),
      due_(reader.database, fmt::format("SELECT {}, message FROM outbox WHERE next_attempt_at != 0 "
                                        "AND next_attempt_at <= ? ORDER BY next_attempt_at, id "
                                        "LIMIT ?",
                                        kOutboxColumns)),
      next_attempt_(reader.database,
                    "SELECT min(next_attempt_at) FROM outbox WHERE next_attempt_at != 0"),
      list_(reader.database,
            fmt::format("SELECT {} FROM outbox WHERE (?1 = 0 OR reference = ?1) AND (?2 = 0 OR "
                        "next_attempt_at != 0) ORDER BY id DESC LIMIT ?3",
                        kOutboxColumns)),
      find_(reader.database,
            fmt::format("SELECT {}, message FROM outbox WHERE id = ?", kOutboxColumns)) {}

Result<void> SqliteOutbox::note(std::span<const Happening> happenings) {
  return alone_on(writer_, [&] {
    Transaction transaction(writer_.database);
    for (const Happening& one : happenings)
      note_.with(one.reference.number, name_of(one.audience), one.what, one.at_unix_s).run();
    transaction.commit();
  });
}

Result<std::vector<Happening>> SqliteOutbox::happenings() {
  return alone_on(reader_, [&] {
    std::vector<Happening> found;
    for (happenings_.with(); happenings_.step();) {
      found.push_back({.id = static_cast<uint64_t>(happenings_.number(0)),
                       .reference = {static_cast<uint64_t>(happenings_.number(1))},
                       .audience = audience_of(happenings_.text(2)),
                       .what = happenings_.text(3),
                       .at_unix_s = static_cast<uint64_t>(happenings_.number(4))});
    }
    return found;
  });
}

Result<void> SqliteOutbox::add(std::span<const OutboxMessage> messages,
                               std::span<const uint64_t> told_happenings) {
  return alone_on(writer_, [&] {
    Transaction transaction(writer_.database);
    for (const OutboxMessage& one : messages) {
      if (one.message.size() > OutboxMessage::kMostBytes) {
        throw SqliteError(fmt::format("a message about case {} has {} octets, more than {}",
                                      one.reference.to_string(), one.message.size(),
                                      OutboxMessage::kMostBytes));
      }
      insert_
          .with(one.reference.number, name_of(one.audience), one.customer, name_of(one.channel),
                one.to, one.identity, one.what, one.entries_told, one.created_unix_s,
                one.next_attempt_unix_s == 0 ? one.created_unix_s : one.next_attempt_unix_s,
                Blob{one.message})
          .run();
    }
    for (const uint64_t id : told_happenings) tell_.with(id).run();
    transaction.commit();
  });
}

Result<std::optional<LastTold>> SqliteOutbox::last_told(CaseReference reference,
                                                        Audience audience) {
  return alone_on(reader_, [&]() -> std::optional<LastTold> {
    if (!last_told_.with(reference.number, name_of(audience)).step()) return std::nullopt;
    const LastTold found{static_cast<uint64_t>(last_told_.number(0)),
                         static_cast<uint32_t>(last_told_.number(1))};
    last_told_.reset();
    return found;
  });
}

Result<std::vector<OutboxMessage>> SqliteOutbox::due(uint64_t now_unix_s, size_t limit) {
  return alone_on(reader_, [&] {
    std::vector<OutboxMessage> found;
    for (due_.with(now_unix_s, uint64_t{limit}); due_.step();) {
      found.push_back(read_message(due_));
      found.back().message = due_.octets(kMessageColumn);
    }
    return found;
  });
}

Result<std::optional<uint64_t>> SqliteOutbox::next_attempt() {
  return alone_on(reader_, [&]() -> std::optional<uint64_t> {
    const int64_t at = next_attempt_.with().step() ? next_attempt_.number(0) : 0;
    next_attempt_.reset();
    if (at == 0) return std::nullopt;
    return static_cast<uint64_t>(at);
  });
}

Result<void> SqliteOutbox::end(uint64_t id, const CaseEntry& entry, Statement& how,
                               const std::string& why) {
  return alone_on(writer_, [&] {
    Transaction transaction(writer_.database);
    const int64_t reference = case_of_.with(id).step() ? case_of_.number(0) : 0;
    case_of_.reset();
    if (how.with(why, entry.at_unix_s, id).run() == 0) return;  // it was ended before
    if (reference != 0 && touch_case_.with(entry.at_unix_s, reference).run() != 0)
      insert_entry_.with(reference, entry.at_unix_s, entry.author, entry.action, entry.text).run();
    transaction.commit();
  });
}

Result<void> SqliteOutbox::begin(uint64_t id, uint64_t next_attempt_unix_s) {
  return alone_on(writer_, [&] {
    begin_.with(next_attempt_unix_s, "how the last attempt ended is not known", id).run();
  });
}

Result<void> SqliteOutbox::delivered(uint64_t id, const CaseEntry& entry) {
  return end(id, entry, deliver_, "");
}

Result<void> SqliteOutbox::give_up(uint64_t id, const std::string& why, const CaseEntry& entry) {
  return end(id, entry, give_up_, why);
}

Result<void> SqliteOutbox::failed(uint64_t id, uint64_t next_attempt_unix_s,
                                  const std::string& why) {
  return alone_on(writer_, [&] { fail_.with(next_attempt_unix_s, why, id).run(); });
}

Result<std::vector<OutboxMessage>> SqliteOutbox::list(const OutboxQuery& query) {
  return alone_on(reader_, [&] {
    std::vector<OutboxMessage> found;
    for (list_.with(query.reference.number, query.only_waiting, query.limit); list_.step();)
      found.push_back(read_message(list_));
    return found;
  });
}

Result<std::optional<OutboxMessage>> SqliteOutbox::find(uint64_t id) {
  return alone_on(reader_, [&]() -> std::optional<OutboxMessage> {
    if (!find_.with(id).step()) return std::nullopt;
    OutboxMessage found = read_message(find_);
    found.message = find_.octets(kMessageColumn);
    find_.reset();
    return found;
  });
}

Result<size_t> SqliteOutbox::retry(uint64_t id, uint64_t now_unix_s) {
  return alone_on(writer_, [&] {
    return static_cast<size_t>(id == 0 ? retry_all_.with(now_unix_s).run()
                                       : retry_.with(now_unix_s, id).run());
  });
}

Result<size_t> SqliteOutbox::forget_before(uint64_t unix_s, size_t limit) {
  return alone_on(writer_,
                  [&] { return static_cast<size_t>(forget_.with(unix_s, uint64_t{limit}).run()); });
}

}  // namespace postern::ledger
