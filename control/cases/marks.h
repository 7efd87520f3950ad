// The checklist of restoration: what must be so before a sender gets its switches back, and whether
// it is. Each mark is computed from what was seen, but for the password: that is said, with who and
// when.
//
// Theory of operation. Two of them are read off the wire, where the sender's mail still passes even
// while it is held or refused:
// - *quiet*: nothing new from the source. New is spam whose fingerprint was not seen before, and an
//   attempt that was blocked unread, about which nobody can say what it was.
// - *purged*: no spam that was seen before comes again: nothing of it waits in a queue to be
// retried. Each is green when that has been so for `quiet_s`, and the time since when it has been
// is told meanwhile. Of a case about one user or injecting address, only that part's events count.
// *relay* is asked for when an open relay is suspected, or was found; only a probe makes it green.
// *password* is asked for when a user's password is what was used.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/channel/channel.pb.h"
#include "control/ledger/cases.h"

namespace postern::cases {

enum class MarkKind { kQuiet, kPurged, kRelay, kPassword };
inline constexpr std::string_view kMarkNames[] = {"quiet", "purged", "relay", "password"};

struct Mark {
  MarkKind kind = MarkKind::kQuiet;
  bool green = false;
  std::string text = {};      // what was seen, for people
  uint64_t since_unix_s = 0;  // when it was seen last, or said; 0: never
  bool operator==(const Mark&) const = default;
};

// What somebody said or a probe found; kept in Case::marks with the rest of this record.
struct Said {
  uint64_t at_unix_s = 0;
  std::string by = {};
  std::string text = {};
  bool operator==(const Said&) const = default;
};
struct Probed {
  uint64_t at_unix_s = 0;
  bool open = false;
  std::string text = {};
  bool operator==(const Probed&) const = default;
};

// What a case remembers of its restoration: Case::marks.
struct RestorationRecord {
  std::optional<Said> password = {};
  std::optional<Probed> relay = {};
  std::optional<Said> request = {};
  // Verdicts that restoration took away, as JSON objects: what a relapse sets again.
  std::vector<std::string> taken_away = {};
  uint64_t probation_since_unix_s = 0;  // 0: there is none
  uint32_t probation_step = 0;
  bool operator==(const RestorationRecord&) const = default;
};
// Text that is no such record is an empty one.
RestorationRecord read_record(const std::string& json);
std::string write_record(const RestorationRecord& record);

struct MarkSettings {
  uint64_t quiet_s = 1800;
};

// `events`: those of the subject's server since the case was opened, newest first, as the ledger
// gives them; `all_of_them` when that is all there are of the last `quiet_s` (else nobody knows,
// and it is not green).
std::vector<Mark> marks_of(const ledger::Case& about, std::span<const channel::v1::Event> events,
                           bool all_of_them, const MarkSettings& settings, uint64_t now_unix_s);

bool all_green(std::span<const Mark> marks);

}  // namespace postern::cases
