// Counters, and what became of the control process, by DPDK's own telemetry socket:
// `dpdk-telemetry.py`, then /postern/counters or /postern/control.
#pragma once

#include <functional>
#include <string>

namespace postern {

class Gate;

// After the EAL has started; `gate` and what `describe_control` uses outlive their registration.
// Null ends it. `describe_control` is called on DPDK's thread.
void register_telemetry(const Gate* gate, std::function<std::string()> describe_control = {});

}  // namespace postern
