#include "control/server/in_force.h"

#include <algorithm>
#include <span>

#include "control/channel/treatment.h"
#include "control/server/clock.h"

namespace postern::server {
namespace {

// What holds of a chain that is ordered by switch and most specific first, as the data plane's
// look-up has it (verdict::strictest); null: the default treatment.
const ledger::Verdict* strictest(std::span<const ledger::Verdict> chain,
                                 ledger::Treatment default_treatment) {
  const auto strictness = [](const ledger::Verdict& verdict) {
    const bool throttle = verdict.treatment == channel::v1::TREATMENT_THROTTLE;
    return std::pair(verdict.treatment, throttle ? -int64_t{verdict.messages_per_minute} : 0);
  };
  const bool has_treatment = !chain.empty() && chain[0].of == channel::v1::SWITCH_TREATMENT;
  const ledger::Verdict* found = has_treatment ? chain.data() : nullptr;
  const ledger::Verdict by_default{.treatment = default_treatment};
  for (size_t i = 1; i <= chain.size(); ++i) {
    const ledger::Verdict& verdict = chain[i - 1];
    const bool is_first = i == 1 || chain[i - 2].of != verdict.of;
    if (is_first && strictness(verdict) > strictness(found != nullptr ? *found : by_default)) {
      found = &verdict;
    }
  }
  return found;
}

ledger::Treatment default_treatment_of(const Gates& gates) {
  for (const auto& gate : gates.list()) {
    if (gate.attached() && gate.status().default_treatment() != channel::v1::TREATMENT_UNSPECIFIED)
      return gate.status().default_treatment();
  }
  return channel::v1::TREATMENT_INSPECT;
}

}  // namespace

ledger::Result<VerdictsInForce> verdicts_in_force(ledger::Ledger& ledger, const Gates& gates,
                                                  const IpAddress& address) {
  auto covering = ledger.verdicts_covering(address);
  if (!covering) return std::unexpected(covering.error());
  VerdictsInForce out;
  out.default_treatment = default_treatment_of(gates);
  for (ledger::Verdict& verdict : *covering) {
    if (verdict.expires_unix_s != 0 && verdict.expires_unix_s <= unix_s()) continue;
    if (!channel::is_about_sender(verdict.of)) continue;
    auto& kind = verdict.part.is_whole() ? out.whole : out.parts;
    kind.push_back(std::move(verdict));
  }
  if (const auto* found = strictest(out.whole, out.default_treatment)) out.strictest = *found;
  return out;
}

}  // namespace postern::server
