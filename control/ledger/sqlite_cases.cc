#include "control/ledger/sqlite_cases.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <iterator>

#include "control/ledger/address_range.h"

namespace postern::ledger {
namespace {

constexpr std::string_view kCaseColumns =
    "reference, customer, address, length, part, state, step, cause, diagnosis, marks, opened_at, "
    "changed_at, closed_at";

template <typename Value, size_t N>
Value named_value(const std::string_view (&names)[N], const std::string& name) {
  const auto* found = std::ranges::find(names, name);
  return static_cast<Value>(found == std::end(names) ? 0 : found - names);
}

Case read_case(const Statement& row) {
  Case out;
  out.reference.number = static_cast<uint64_t>(row.number(0));
  out.customer = static_cast<uint64_t>(row.number(1));
  out.subject.server = {IpAddress::from_v6(row.address(2).data()),
                        static_cast<uint8_t>(row.number(3))};
  out.subject.part = row.text(4);
  out.state = named_value<CaseState>(kCaseStateNames, row.text(5));
  out.step = named_value<Step>(kStepNames, row.text(6));
  out.cause = row.text(7);
  out.diagnosis = row.text(8);
  out.marks = row.text(9);
  out.opened_unix_s = static_cast<uint64_t>(row.number(10));
  out.changed_unix_s = static_cast<uint64_t>(row.number(11));
  out.closed_unix_s = static_cast<uint64_t>(row.number(12));
  return out;
}

std::string_view name_of(CaseState state) { return kCaseStateNames[static_cast<size_t>(state)]; }

std::string select_cases(std::string_view rest) {
  return fmt::format("SELECT {} FROM cases {}", kCaseColumns, rest);
}

// protobuf's own JSON: every field of an event, and those of later schemas are passed over.
std::string event_text(const channel::v1::Event& event) {
  std::string out;
  if (!google::protobuf::util::MessageToJsonString(event, &out).ok())
    throw SqliteError("an event cannot be written as JSON: its text is no UTF-8");
  return out;
}

channel::v1::Event event_of(const std::string& text) {
  channel::v1::Event event;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  if (!google::protobuf::util::JsonStringToMessage(text, &event, options).ok()) event.Clear();
  return event;
}

}  // namespace

SqliteCases::SqliteCases(Connection& writer, Connection& reader)
    : writer_(writer),
      taken_(writer.database,
             "SELECT reference FROM cases WHERE reference = ?1 OR (address = ?2 AND length = ?3 "
             "AND part = ?4 AND closed_at = 0)"),
      insert_(
          writer.database,
          fmt::format("INSERT INTO cases ({}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", kCaseColumns)),
      update_(writer.database,
              "UPDATE cases SET customer = ?, state = ?, step = ?, cause = ?, diagnosis = ?, "
              "marks = ?, changed_at = ?, closed_at = ? WHERE reference = ?"),
      touch_(writer.database, "UPDATE cases SET changed_at = ? WHERE reference = ?"),
      insert_entry_(writer.database,
                    "INSERT INTO case_history (reference, at, author, action, text) "
                    "VALUES (?,?,?,?,?)"),
      evidence_count_(writer.database, "SELECT count(*) FROM evidence WHERE reference = ?"),
      insert_evidence_(writer.database,
                       "INSERT INTO evidence (reference, wall_us, why, event) VALUES (?,?,?,?)"),
      forget_evidence_(writer.database,
                       "DELETE FROM evidence WHERE id IN (SELECT id FROM evidence WHERE "
                       "wall_us < ? ORDER BY wall_us LIMIT ?)"),
      reader_(reader),
      by_reference_(reader.database, select_cases("WHERE reference = ?")),
      by_subject_(reader.database,
                  select_cases("WHERE address = ? AND length = ? AND part = ? AND closed_at = 0")),
      list_(reader.database,
            select_cases("WHERE (?1 = '' OR state = ?1) AND (?2 = 0 OR closed_at = 0) AND "
                         "(?3 = 0 OR customer = ?4) AND (?5 = 0 OR (address BETWEEN ?6 AND ?7 AND "
                         "length >= ?8)) ORDER BY changed_at DESC, reference LIMIT ?9")),
      history_(reader.database,
               "SELECT at, author, action, text FROM case_history WHERE reference = ? "
               "ORDER BY id"),
      evidence_(reader.database,
                "SELECT id, why, event FROM evidence WHERE reference = ? ORDER BY wall_us, id") {}

void SqliteCases::write_entry(CaseReference reference, const CaseEntry& entry) {
  insert_entry_.with(reference.number, entry.at_unix_s, entry.author, entry.action, entry.text)
      .run();
}

Result<void> SqliteCases::open(const Case& opened, const CaseEntry& entry) {
  return alone_on(writer_, [&] {
    Transaction transaction(writer_.database);
    const Subject& about = opened.subject;
    taken_.with(opened.reference.number, about.server.address.bytes(),
                uint32_t{about.server.length}, about.part);
    if (taken_.step()) {
      const CaseReference other{static_cast<uint64_t>(taken_.number(0))};
      taken_.reset();
      throw SqliteError(fmt::format("case {} is open already: add to that one", other.to_string()));
    }
    insert_
        .with(opened.reference.number, opened.customer, about.server.address.bytes(),
              uint32_t{about.server.length}, about.part, name_of(opened.state),
              step_name(opened.step), opened.cause, opened.diagnosis, opened.marks,
              opened.opened_unix_s, opened.opened_unix_s, opened.closed_unix_s)
        .run();
    write_entry(opened.reference, entry);
    transaction.commit();
  });
}

Result<void> SqliteCases::change(const Case& changed, const CaseEntry& entry) {
  return alone_on(writer_, [&] {
    Transaction transaction(writer_.database);
    if (update_
            .with(changed.customer, name_of(changed.state), step_name(changed.step), changed.cause,
                  changed.diagnosis, changed.marks, entry.at_unix_s, changed.closed_unix_s,
                  changed.reference.number)
            .run() == 0) {
      throw SqliteError(fmt::format("there is no case {}", changed.reference.to_string()));
    }
    write_entry(changed.reference, entry);
    transaction.commit();
  });
}

Result<void> SqliteCases::add_entry(CaseReference reference, const CaseEntry& entry) {
  return alone_on(writer_, [&] {
    Transaction transaction(writer_.database);
    if (touch_.with(entry.at_unix_s, reference.number).run() == 0)
      throw SqliteError(fmt::format("there is no case {}", reference.to_string()));
    write_entry(reference, entry);
    transaction.commit();
  });
}

Result<std::optional<Case>> SqliteCases::find(CaseReference reference) {
  return alone_on(reader_, [&]() -> std::optional<Case> {
    if (!by_reference_.with(reference.number).step()) return std::nullopt;
    Case found = read_case(by_reference_);
    by_reference_.reset();
    return found;
  });
}

Result<std::optional<Case>> SqliteCases::about(const Subject& subject) {
  return alone_on(reader_, [&]() -> std::optional<Case> {
    by_subject_.with(subject.server.address.bytes(), uint32_t{subject.server.length}, subject.part);
    if (!by_subject_.step()) return std::nullopt;
    Case found = read_case(by_subject_);
    by_subject_.reset();
    return found;
  });
}

Result<std::vector<Case>> SqliteCases::list(const CaseQuery& query) {
  return alone_on(reader_, [&] {
    const IpPrefix within = query.within.value_or(IpPrefix{});
    list_.with(query.state ? name_of(*query.state) : std::string_view(), query.only_unclosed,
               query.customer.has_value(), query.customer.value_or(0), query.within.has_value(),
               within.address.bytes(), last_address(within), uint32_t{within.length}, query.limit);
    std::vector<Case> found;
    while (list_.step()) {
      Case one = read_case(list_);
      // ::/0 spans the keys of IPv4, too.
      if (query.within && one.subject.server.address.is_v4() != within.address.is_v4()) continue;
      found.push_back(std::move(one));
    }
    return found;
  });
}

Result<std::vector<CaseEntry>> SqliteCases::history(CaseReference reference) {
  return alone_on(reader_, [&] {
    std::vector<CaseEntry> found;
    for (history_.with(reference.number); history_.step();) {
      found.push_back({static_cast<uint64_t>(history_.number(0)), history_.text(1),
                       history_.text(2), history_.text(3)});
    }
    return found;
  });
}

Result<bool> SqliteCases::add_evidence(const Evidence& evidence, uint32_t most) {
  return alone_on(writer_, [&] {
    Transaction transaction(writer_.database);
    const int64_t held =
        evidence_count_.with(evidence.reference.number).step() ? evidence_count_.number(0) : 0;
    evidence_count_.reset();
    if (held >= int64_t{most}) return false;
    insert_evidence_
        .with(evidence.reference.number, uint64_t{evidence.event.wall_us()}, evidence.why,
              event_text(evidence.event))
        .run();
    transaction.commit();
    return true;
  });
}

Result<std::vector<Evidence>> SqliteCases::evidence(CaseReference reference) {
  return alone_on(reader_, [&] {
    std::vector<Evidence> found;
    for (evidence_.with(reference.number); evidence_.step();) {
      found.push_back({static_cast<uint64_t>(evidence_.number(0)), reference, evidence_.text(1),
                       event_of(evidence_.text(2))});
    }
    return found;
  });
}

Result<size_t> SqliteCases::forget_evidence_before(uint64_t unix_s, size_t limit) {
  return alone_on(writer_, [&] {
    return static_cast<size_t>(forget_evidence_.with(unix_s * 1'000'000, uint64_t{limit}).run());
  });
}

}  // namespace postern::ledger
