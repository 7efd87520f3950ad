// Verdicts as the commands show them.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "control/channel/operator.pb.h"
#include "control/cli/control_connection.h"
#include "control/cli/table.h"

namespace postern::cli {

std::string case_text(uint64_t number);  // empty for 0
// "throttle 30/min, mask STARTTLS".
std::string treatment_text(const channel::v1::VerdictEntry& entry);
// "192.0.2.7", and of a part of its mail "192.0.2.7 user:bob".
std::string sender_text(const channel::v1::VerdictEntry& entry);
// "refuse", and of a switch "smorf-block: refuse".
std::string switch_text(const channel::v1::VerdictEntry& entry);
std::string expiry_text(const channel::v1::VerdictEntry& entry);

extern const std::vector<std::string> kVerdictColumns;
void add_verdict_row(Table& table, const channel::v1::VerdictEntry& entry);

// Says where a change is in force; the exit code.
int report_reach(const channel::v1::ChangeReply& reply, const ControlOptions& options);

// To standard output, indented; what is not UTF-8 in it is replaced.
void print(const nlohmann::ordered_json& json);

}  // namespace postern::cli
