// A verdict as JSON: what restoration took away, to be set again.
#pragma once

#include <optional>
#include <string>

#include "control/ledger/ledger.h"

namespace postern::cases {

std::string verdict_text(const ledger::Verdict& verdict);
// Nothing when the text is none.
std::optional<ledger::Verdict> read_verdict(const std::string& text);

}  // namespace postern::cases
