// A data plane's counters, its workers together.
#pragma once

#include <map>
#include <string>

#include "control/channel/channel.pb.h"

namespace postern::channel {

inline std::map<std::string, uint64_t> summed_counters(const v1::DataPlaneStatus& status) {
  std::map<std::string, uint64_t> sums;
  for (const v1::WorkerStatus& worker : status.workers()) {
    for (const v1::CounterValue& counter : worker.counters())
      sums[counter.name()] += counter.value();
  }
  return sums;
}

}  // namespace postern::channel
