// What is told of a case, read from the ledger at the moment it is told.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "control/ledger/ledger.h"

namespace postern::notify {

// Of the messages of the case's subject since a day before it was opened, as far as the ledger has
// them; of at most kMostEvents.
struct MessageCounts {
  static constexpr uint32_t kMostEvents = 5'000;
  uint64_t spam = 0;         // messages refused for what they are, each attempt
  uint64_t unique_spam = 0;  // of them by what is in them
  uint64_t blocked = 0;      // attempts refused unread, because of a block
  uint64_t recipients = 0;   // of spam
  uint64_t first_unix_s = 0;
  uint64_t last_unix_s = 0;
  std::vector<std::pair<std::string, uint64_t>> rules = {};  // the most frequent first, at most 8
  bool all = true;                                           // false: there were more
};

struct Finding {
  std::string kind = {};
  std::string confidence = {};             // "high", or a number as it stood
  std::optional<double> probability = {};  // where it was a number from 0 to 1
  std::string text = {};
  std::vector<std::string> lines = {};
};

struct CaseFacts {
  ledger::Case about = {};
  std::optional<ledger::Customer> customer = {};
  std::vector<ledger::CaseEntry> history = {};  // oldest first
  std::vector<ledger::Verdict> verdicts = {};   // those in force that carry the case's reference
  MessageCounts counts = {};
  std::optional<channel::v1::Event> sample = {};  // the newest evidence that can be reported
  std::vector<Finding> findings = {};
  std::vector<std::string> advice = {};
};

// Nothing: there is no such case.
ledger::Result<std::optional<CaseFacts>> read_facts(ledger::Ledger& ledger,
                                                    CaseReference reference);

// {"findings":[{"kind","confidence","text","lines":[…]}],"advice":[…]}; what is missing or of
// another type is passed over.
void read_diagnosis(const std::string& json, CaseFacts& facts);

}  // namespace postern::notify
