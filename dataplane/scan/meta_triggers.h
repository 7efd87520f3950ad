// Which rules' hits make it worth evaluating a meta rule.
//
// Theory of operation. A conjunction is 0 while one of its sides is: it waits for that side alone
// which is likely to be 0. A sum waits for all of its terms. The code is run over such sets in
// place of values.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "patterns/artefact/artefact.h"

namespace postern::scan {

// Rules of which one at least is not 0 wherever the meta is not 0; nothing when it may be something
// else than 0 without any. `weights`, by rule, say how often each is likely to be hit.
std::optional<std::vector<uint32_t>> meta_triggers(const artefact::Meta& meta,
                                                   std::span<const double> weights);

}  // namespace postern::scan
