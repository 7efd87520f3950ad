// All verdicts, one after the other: page by page, so that nobody else waits for long.
#pragma once

#include <optional>

#include "control/ledger/ledger.h"

namespace postern::ledger {

// Calls `visit` with each, in the order of addresses. One that is changed meanwhile may be told as
// it was or as it is.
template <typename Visit>
Result<void> for_each_verdict(Ledger& ledger, Visit visit) {
  constexpr size_t kPage = 10'000;
  std::optional<VerdictKey> after;
  while (true) {
    const auto page = ledger.verdicts_after(after, kPage);
    if (!page) return std::unexpected(page.error());
    for (const Verdict& verdict : *page) visit(verdict);
    if (page->size() < kPage) return {};
    after = page->back().key();
  }
}

}  // namespace postern::ledger
