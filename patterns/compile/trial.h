// Tries an expression on Hyperscan's compiler with a limit on time.
//
// A few expressions (long bounded repeats inside one another) take the compiler half a minute, and
// it cannot be interrupted: so a child process tries them.
#pragma once

#include <cstdint>

#include "patterns/compile/hyperscan_form.h"

namespace postern::compile {

// True when `form` compiles within `seconds` of processor time. Call it while the process has one thread.
bool compiles_in_time(const HyperscanForm& form, unsigned seconds);

}  // namespace postern::compile
