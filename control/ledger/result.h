// What a call of the ledger returns: its answer, or a text that says what failed and what to do.
#pragma once

#include <expected>
#include <string>

namespace postern::ledger {

template <typename T>
using Result = std::expected<T, std::string>;

}  // namespace postern::ledger
