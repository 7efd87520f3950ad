#include "dataplane/status.h"

#include <fmt/format.h>

#include <iterator>

#include "base/allocator.h"
#include "dataplane/counters.h"

namespace postern {
namespace {

void add_counters(const Counters& counters, channel::v1::WorkerStatus& status) {
  for (size_t i = 0; i < std::size(kCounterTable); ++i) {
    auto* value = status.add_counters();
    value->set_name(std::string(kCounterTable[i].name));
    value->set_value(counters.get(static_cast<Counter>(i)));
  }
}

channel::v1::Treatment treatment_to_wire(verdict::Treatment treatment) {
  static_assert(static_cast<int>(verdict::Treatment::kDrop) + 1 == channel::v1::TREATMENT_DROP);
  return static_cast<channel::v1::Treatment>(static_cast<int>(treatment) + 1);
}

}  // namespace

void fill_status(const Settings& settings, const Gate& gate, const SignatureHandover& signatures,
                 uint64_t started_unix_s, channel::v1::DataPlaneStatus& status) {
  status.set_started_unix_s(started_unix_s);
  status.set_allocator(allocator_name());
  status.set_threshold(settings.pipeline.threshold);
  status.set_default_treatment(treatment_to_wire(settings.default_treatment));
  const SignatureHandover::Sets sets = signatures.in_force();
  status.set_signature_generations(static_cast<uint32_t>(signatures.generations_held()));
  if (sets.shadow != nullptr)
    status.set_shadow_set(fmt::format("{} {}", sets.shadow->name(), sets.shadow->digest()));
  if (const auto& set = sets.set; set != nullptr) {
    status.set_signature_set(fmt::format("{} {}", set->name(), set->digest()));
    status.set_signature_rules(set->rule_count());
  }
  uint64_t events_lost = 0;
  for (const auto& worker : gate.workers()) {
    auto* entry = status.add_workers();
    entry->set_worker(worker->number());
    entry->set_flows(worker->flows());
    entry->set_messages_in_flight(worker->messages_in_flight());
    entry->set_signature_swap_pause_ns(worker->longest_adoption_ns());
    add_counters(worker->counters(), *entry);
    events_lost += worker->counters().get(Counter::kEventsLost);
  }
  if (gate.distributor() != nullptr) {
    auto* entry = status.add_workers();
    entry->set_worker(static_cast<uint32_t>(gate.workers().size()));
    add_counters(gate.distributor()->counters(), *entry);
  }
  status.set_events_lost(events_lost);
  for (std::string& line : gate.describe_ports()) status.add_ports(std::move(line));
}

}  // namespace postern
