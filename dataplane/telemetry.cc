#include "dataplane/telemetry.h"

#include <rte_telemetry.h>

#include <iterator>
#include <mutex>
#include <utility>

#include "dataplane/counters.h"
#include "dataplane/gate.h"

namespace postern {
namespace {

std::mutex mutex;  // DPDK answers on a thread of its own
const Gate* registered = nullptr;
std::function<std::string()> control_state;

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

int answer_control(const char*, const char*, rte_tel_data* data) {
  const std::lock_guard lock(mutex);
  const std::string text = control_state ? control_state() : "not asked yet";
  // Longer texts are cut.
  return rte_tel_data_string(data, text.c_str()) < 0 ? -1 : 0;
}

}  // namespace

void register_telemetry(const Gate* gate, std::function<std::string()> describe_control) {
  const std::lock_guard lock(mutex);
  static bool known = false;
  if (!known) {
    rte_telemetry_register_cmd("/postern/counters", answer_counters,
                               "Counters of all workers added up; their meanings: postern status");
    rte_telemetry_register_cmd("/postern/control", answer_control,
                               "Whether the control process answers, or why it is away");
  }
  known = true;
  registered = gate;
  control_state = std::move(describe_control);
}

}  // namespace postern
