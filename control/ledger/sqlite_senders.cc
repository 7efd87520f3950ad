#include "control/ledger/sqlite_senders.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "control/ledger/address_range.h"

namespace postern::ledger {
namespace {

constexpr uint64_t kHour = 3600;

// Of a table's row or of sums, in the order of SenderCounts.
constexpr uint64_t SenderCounts::*kCounts[] = {
    &SenderCounts::messages,      &SenderCounts::forwarded,
    &SenderCounts::refused_spam,  &SenderCounts::refused_blocked,
    &SenderCounts::deferred,      &SenderCounts::recipients,
    &SenderCounts::rejected,      &SenderCounts::null_senders,
    &SenderCounts::failed_logins, &SenderCounts::bytes};

SenderCounts read_counts(const Statement& row, int column) {
  SenderCounts out;
  for (const auto count : kCounts) out.*count = static_cast<uint64_t>(row.number(column++));
  return out;
}

std::string summed(std::string_view order) {
  return fmt::format(
      "SELECT address, sum(messages) AS m, sum(forwarded), sum(refused_spam) AS s, "
      "sum(refused_blocked), sum(deferred), sum(recipients), sum(rejected), sum(null_senders), "
      "sum(failed_logins), sum(bytes) FROM sender_hours WHERE hour >= ?1 AND address BETWEEN ?2 "
      "AND ?3 GROUP BY address ORDER BY {} LIMIT ?4",
      order);
}

}  // namespace

SenderCounts counts_of(const channel::v1::Event& event) {
  SenderCounts out;
  const std::string& outcome = event.outcome();
  if (event.kind() == "message") {
    out.messages = 1;
    out.bytes = event.message_bytes();
    out.null_senders = event.null_sender() ? 1 : 0;
    out.rejected = event.recipients_rejected();
    out.recipients =
        event.recipients_count() - std::min(out.rejected, uint64_t{event.recipients_count()});
  }
  if (outcome == "forwarded") {
    out.forwarded = 1;
  } else if (outcome == "refused_verdict") {
    out.refused_blocked = 1;
  } else if (outcome.starts_with("refused_")) {
    out.refused_spam = 1;
  } else if (outcome.starts_with("deferred_")) {
    out.deferred = 1;
  }
  // Every event of a connection tells its failed logins so far: those before its first message are
  // counted, once.
  if (event.has_session() && event.session().messages() <= 1)
    out.failed_logins = event.session().failed_logins();
  return out;
}

SqliteSenders::SqliteSenders(Connection& writer, Connection& reader)
    : writer_(writer),
      add_(writer.database,
           "INSERT INTO sender_hours VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (address, hour) "
           "DO UPDATE SET messages = messages + excluded.messages, "
           "forwarded = forwarded + excluded.forwarded, "
           "refused_spam = refused_spam + excluded.refused_spam, "
           "refused_blocked = refused_blocked + excluded.refused_blocked, "
           "deferred = deferred + excluded.deferred, "
           "recipients = recipients + excluded.recipients, "
           "rejected = rejected + excluded.rejected, "
           "null_senders = null_senders + excluded.null_senders, "
           "failed_logins = failed_logins + excluded.failed_logins, "
           "bytes = bytes + excluded.bytes"),
      forget_(writer.database,
              "DELETE FROM sender_hours WHERE (address, hour) IN (SELECT address, hour FROM "
              "sender_hours WHERE hour < ? ORDER BY hour LIMIT ?)"),
      reader_(reader),
      by_messages_(reader.database, summed("m DESC, address")),
      by_spam_(reader.database, summed("s DESC, m DESC, address")),
      by_address_(reader.database, summed("address")),
      hours_(reader.database,
             "SELECT address, hour, messages, forwarded, refused_spam, refused_blocked, deferred, "
             "recipients, rejected, null_senders, failed_logins, bytes FROM sender_hours WHERE "
             "address BETWEEN ? AND ? AND hour >= ? ORDER BY hour, address") {}

void SqliteSenders::count(const channel::v1::EventBatch& batch, uint64_t now_unix_s) {
  std::map<std::pair<IpAddress, uint64_t>, SenderCounts> sums;
  for (const channel::v1::Event& event : batch.events()) {
    const auto sender = IpAddress::parse(event.client());
    if (!sender) continue;
    const uint64_t at = event.wall_us() == 0 ? now_unix_s : event.wall_us() / 1'000'000;
    SenderCounts& sum = sums[{*sender, at / kHour * kHour}];
    const SenderCounts one = counts_of(event);
    for (const auto count : kCounts) sum.*count += one.*count;
  }
  for (const auto& [key, c] : sums) {
    add_.with(key.first.bytes(), key.second, c.messages, c.forwarded, c.refused_spam,
              c.refused_blocked, c.deferred, c.recipients, c.rejected, c.null_senders,
              c.failed_logins, c.bytes)
        .run();
  }
}

Result<std::vector<SenderSum>> SqliteSenders::since(uint64_t since_unix_s, SenderOrder order,
                                                    const std::optional<IpPrefix>& within,
                                                    uint32_t limit) {
  return alone_on(reader_, [&] {
    const IpPrefix range = within.value_or(IpPrefix{});  // ::/0: both families' keys
    Statement& rows = order == SenderOrder::kMessages ? by_messages_
                      : order == SenderOrder::kSpam   ? by_spam_
                                                      : by_address_;
    rows.with(since_unix_s / kHour * kHour, range.address.bytes(), last_address(range), limit);
    std::vector<SenderSum> found;
    while (rows.step())
      found.push_back({IpAddress::from_v6(rows.address(0).data()), read_counts(rows, 1)});
    return found;
  });
}

Result<std::vector<SenderHour>> SqliteSenders::hours_of(const IpPrefix& prefix,
                                                        uint64_t since_unix_s) {
  return alone_on(reader_, [&] {
    hours_.with(prefix.address.bytes(), last_address(prefix), since_unix_s / kHour * kHour);
    std::vector<SenderHour> found;
    while (hours_.step()) {
      found.push_back({IpAddress::from_v6(hours_.address(0).data()),
                       static_cast<uint64_t>(hours_.number(1)), read_counts(hours_, 2)});
    }
    return found;
  });
}

Result<size_t> SqliteSenders::forget_before(uint64_t unix_s, size_t limit) {
  return alone_on(writer_,
                  [&] { return static_cast<size_t>(forget_.with(unix_s, uint64_t{limit}).run()); });
}

}  // namespace postern::ledger
