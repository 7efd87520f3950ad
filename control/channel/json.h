// The records of the schema as JSON, for programs: `postern --json` and the API say the same.
//
// Times are RFC 3339 in UTC, null for never; case references are their ten characters; what is not
// there is null. Texts of mail go in as they are: whoever writes the JSON out replaces what is not
// UTF-8 (error_handler_t::replace).
#pragma once

#include <nlohmann/json.hpp>

#include "control/channel/cases.pb.h"
#include "control/channel/operator.pb.h"
#include "control/channel/tokens.pb.h"

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
nlohmann::ordered_json to_json(const v1::ApiToken& token);
nlohmann::ordered_json to_json(const v1::HistoryEntry& entry);
nlohmann::ordered_json to_json(const v1::FeedState& feed);
nlohmann::ordered_json to_json(const v1::ListSignaturesReply& reply);
nlohmann::ordered_json to_json(const v1::LoadSignaturesReply& reply);
// The address is what was asked about.
nlohmann::ordered_json to_json(const v1::ExplainReply& reply, const std::string& address);
// status_json.cc
nlohmann::ordered_json to_json(const v1::StatusReply& status, uint64_t now_unix_ms);

}  // namespace postern::channel
