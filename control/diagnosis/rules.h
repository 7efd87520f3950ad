// The rules by which findings are made: see diagnosis.h for how a score comes about.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/channel/channel.pb.h"
#include "control/diagnosis/diagnosis.h"
#include "control/diagnosis/injection.h"
#include "control/ledger/cases.h"

namespace postern::diagnosis {

inline constexpr uint32_t kHighScore = 70;
inline constexpr uint32_t kMediumScore = 40;
inline constexpr uint32_t kUnprovenScore = 65;  // the most without a proof

inline Confidence confidence_of(uint32_t score) {
  return score >= kHighScore     ? Confidence::kHigh
         : score >= kMediumScore ? Confidence::kMedium
                                 : Confidence::kLow;
}

// What a diagnosis is made from.
struct Material {
  ledger::Subject subject = {};
  OwnNetwork own = {};
  std::vector<channel::v1::Event> spam = {};     // different messages of the subject, oldest first
  std::vector<channel::v1::Event> others = {};   // all else of its server, oldest first
  std::vector<channel::v1::Event> towards = {};  // what others tried at its server
};

// Those that there are, best first; none is possible.
std::vector<Finding> find(const Material& material);

// That passwords are being tried `where` ("at 192.0.2.7"), as these sessions show. 30 points; 10
// more each for 100 and for 1,000 failed logins, for 5 accounts and for one that every system might
// have
// ("guest"), and for 5 addresses. Nothing under 10 failed logins, unless two such accounts were
// tried: somebody has mistyped.
std::optional<Finding> brute_force(std::span<const channel::v1::Event> sessions,
                                   std::string_view where);

// For the first finding and those of medium confidence and more: sentences for the admin.
std::vector<std::string> advice_for(const Diagnosis& diagnosis);

}  // namespace postern::diagnosis
