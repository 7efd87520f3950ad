// The ledger's records as the verdict channel's messages.
#pragma once

#include <cstdint>
#include <span>

#include "control/channel/channel.pb.h"
#include "control/channel/operator.pb.h"
#include "control/ledger/ledger.h"

namespace postern::server {

channel::v1::Verdict to_wire(const ledger::Verdict& verdict);
channel::v1::VerdictEntry to_entry(const ledger::Verdict& verdict);

// The changes between two versions, in the order in which they were made, as one delta: of several
// of a prefix, switch and part the last one counts.
channel::v1::Delta delta_of(const ledger::Version& to, uint64_t from_version,
                            std::span<const ledger::Change> changes);

}  // namespace postern::server
