// The records of the schema as JSON, for programs: `postern --json` and the API say the same.
//
// Times are RFC 3339 in UTC, null for never; case references are their ten characters; what is not
// there is null. Texts of mail go in as they are: whoever writes the JSON out replaces what is not
// UTF-8 (error_handler_t::replace).
#pragma once

#include <nlohmann/json.hpp>

#include "control/channel/cases.pb.h"
#include "control/channel/operator.pb.h"

namespace postern::channel {

nlohmann::ordered_json to_json(const v1::Event& event);
nlohmann::ordered_json to_json(const v1::VerdictEntry& entry);
nlohmann::ordered_json to_json(const v1::Customer& customer);
nlohmann::ordered_json to_json(const v1::SenderCounts& counts);
nlohmann::ordered_json to_json(const v1::Sender& sender);
nlohmann::ordered_json to_json(const v1::ShowSenderReply& reply);
nlohmann::ordered_json to_json(const v1::CaseSummary& summary);
nlohmann::ordered_json to_json(const v1::ShowCaseReply& reply);
nlohmann::ordered_json to_json(const v1::AuditRow& row);

}  // namespace postern::channel
