#include "dataplane/telemetry.h"

#include <rte_telemetry.h>

#include <iterator>
#include <mutex>

#include "dataplane/counters.h"
#include "dataplane/gate.h"

namespace postern {
namespace {

std::mutex mutex;  // DPDK answers on a thread of its own
const Gate* registered = nullptr;

// All workers' and the distributor's counters, added up.
int answer_counters(const char*, const char*, rte_tel_data* data) {
  const std::lock_guard lock(mutex);
  rte_tel_data_start_dict(data);
  if (registered == nullptr) return 0;
  for (size_t i = 0; i < std::size(kCounterTable); ++i) {
    const auto counter = static_cast<Counter>(i);
    uint64_t sum = 0;
    for (const auto& worker : registered->workers()) sum += worker->counters().get(counter);
    if (registered->distributor() != nullptr)
      sum += registered->distributor()->counters().get(counter);
    rte_tel_data_add_dict_u64(data, kCounterTable[i].name.data(), sum);
  }
  return 0;
}

}  // namespace

void register_telemetry(const Gate* gate) {
  const std::lock_guard lock(mutex);
  static bool known = false;
  if (!known)
    rte_telemetry_register_cmd("/postern/counters", answer_counters,
                               "Counters of all workers added up; their meanings: postern status");
  known = true;
  registered = gate;
}

}  // namespace postern
