// What machines read of a case: ARF (RFC 5965) and XARF v4.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "control/channel/channel.pb.h"
#include "control/notify/letter.h"

namespace postern::notify {

// Who reports.
struct Reporter {
  std::string organisation = {};
  std::string contact = {};  // e-mail address
  std::string host = {};     // this machine's name
};

// A message that stands for the case, and what is said of all of them.
struct Reported {
  channel::v1::Event event = {};
  uint64_t incidents = 0;                 // messages; 0: not counted
  std::optional<double> confidence = {};  // 0 to 1: of the diagnosis
  bool redact_recipients = true;
};

// Nothing when no part of the message's header was kept: a report must have it.
std::optional<FeedbackReport> feedback_report(const Reported& about, const Reporter& reporter);

// Nothing when the message had no sender (MAIL FROM:<>), which XARF must name. `report_id`: a UUID.
std::optional<nlohmann::ordered_json> xarf(const Reported& about, const Reporter& reporter,
                                           const std::string& report_id, uint64_t now_unix_s);

// A random one (RFC 4122 4.4).
std::string new_uuid();

}  // namespace postern::notify
