// What the verdicts on an address come to.
#pragma once

#include <optional>
#include <vector>

#include "control/ledger/ledger.h"
#include "control/server/gates.h"

namespace postern::server {

struct VerdictsInForce {
  // Those on all of the sender's mail: by switch, and most specific first. Of each switch the first
  // counts, and the strictest of those is in force.
  std::vector<ledger::Verdict> whole = {};
  std::vector<ledger::Verdict> parts = {};  // on parts of its mail, most specific prefix first
  // Of a sender on whose treatment nothing is said, as the gates have it.
  ledger::Treatment default_treatment = ledger::Treatment::TREATMENT_INSPECT;
  std::optional<ledger::Verdict> strictest = {};  // of `whole`; nothing: the default
};

ledger::Result<VerdictsInForce> verdicts_in_force(ledger::Ledger& ledger, const Gates& gates,
                                                  const IpAddress& address);

}  // namespace postern::server
