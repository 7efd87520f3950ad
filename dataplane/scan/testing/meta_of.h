// A meta rule's code, for tests.
#pragma once

#include <string>

#include "patterns/artefact/artefact.h"

namespace postern::scan::testing {

// Of a meta over the rules A, B, C, D, which have the numbers 0 to 3; the meta has 4. Ends the
// program when the expression is none.
artefact::Meta meta_of(const std::string& expression);

}  // namespace postern::scan::testing
