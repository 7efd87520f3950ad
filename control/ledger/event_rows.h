// Events as rows of the table `events`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "control/channel/channel.pb.h"
#include "control/ledger/sqlite.h"

namespace postern::ledger {

// Lists (recipients, rules, anomalies, link_domains) stand as JSON arrays in one column each, the
// session's facts and the origin as JSON objects.
#define EVENT_COLUMNS                                                                             \
  "kind, outcome, case_reference, wall_us, client_address, client, client_port, server, "         \
  "server_port, helo, auth_user, mail_from, null_sender, recipients_count, recipients_rejected, " \
  "recipients, subject, message_bytes, server_reply, score, rules, signature_set, anomalies, "    \
  "content_hash, session, origin, link_domains, shadow_set, shadow_score, shadow_rules, "         \
  "threshold, shadow_failed, rules_cut, held_by, header_sample, header_sample_cut"

inline constexpr std::string_view kInsertEvent =
    "INSERT INTO events (gate, received_at, " EVENT_COLUMNS
    ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
inline constexpr std::string_view kSelectEvents =
    "SELECT " EVENT_COLUMNS " FROM events ORDER BY id DESC";
inline constexpr std::string_view kSelectEventsOfClient =
    "SELECT " EVENT_COLUMNS " FROM events WHERE client_address BETWEEN ? AND ? ORDER BY id DESC";
inline constexpr std::string_view kSelectEventsOfCase =
    "SELECT " EVENT_COLUMNS
    " FROM events WHERE case_reference = ? AND case_reference != 0 ORDER BY id DESC";
// The last column, kShadowRowColumn, is the row's number.
inline constexpr std::string_view kSelectShadowEvents =
    "SELECT " EVENT_COLUMNS
    ", id FROM events WHERE shadow_set != '' AND id < ? AND wall_us >= ? ORDER BY id DESC LIMIT ?";
inline constexpr int kShadowRowColumn = 36;

// Executes kInsertEvent. A client that is no IP address is stored without a key to find it by.
void insert_event(Statement& insert, const std::string& gate, uint64_t received_unix_s,
                  const channel::v1::Event& event);

// The row of one of the selections above.
channel::v1::Event read_event(const Statement& row);
inline constexpr int kClientAddressColumn = 4;

}  // namespace postern::ledger
