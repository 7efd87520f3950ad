// What the data plane says of itself, over the verdict channel and for `postern status`.
#pragma once

#include "control/channel/channel.pb.h"
#include "dataplane/gate.h"
#include "dataplane/settings.h"
#include "dataplane/signature_handover.h"

namespace postern {

// Fills in all that the agent does not know itself. Any thread, while `gate` and `signatures` live.
// The distributor, where there is one, stands behind the last worker.
void fill_status(const Settings& settings, const Gate& gate, const SignatureHandover& signatures,
                 uint64_t started_unix_s, channel::v1::DataPlaneStatus& status);

}  // namespace postern
