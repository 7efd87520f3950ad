// A case in plain English, piece by piece, for letters. Every piece is lines of UTF-8 in which
// nothing that others wrote can begin a line of its own; without a last end of line.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "control/notify/case_facts.h"

namespace postern::notify {

// "2023-11-14 22:13 UTC".
std::string time_text(uint64_t unix_s);

// The case's history behind the first `entries_told`, as far as it is an audience's business.
std::vector<ledger::CaseEntry> news(const CaseFacts& facts, ledger::Audience audience,
                                    uint32_t entries_told);
std::string news_text(std::span<const ledger::CaseEntry> entries);

std::string messages_text(const MessageCounts& counts);
std::string rules_text(const MessageCounts& counts);
std::string sample_text(const CaseFacts& facts, bool redact_recipients);
std::string diagnosis_text(const CaseFacts& facts);
// What holds by each switch: four lines.
std::string blocked_text(const CaseFacts& facts);
// A verdict as a sentence's end: "mail of bob is refused".
std::string restriction_text(const ledger::Verdict& verdict, const ledger::Subject& subject);
std::string advice_text(const CaseFacts& facts);

}  // namespace postern::notify
