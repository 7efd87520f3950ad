// Counters by DPDK's own telemetry socket: `dpdk-telemetry.py`, then /postern/counters.
#pragma once

namespace postern {

class Gate;

// After the EAL has started; `gate` outlives its registration. Null ends it.
void register_telemetry(const Gate* gate);

}  // namespace postern
