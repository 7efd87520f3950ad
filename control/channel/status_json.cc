#include "base/time_text.h"
#include "control/channel/counters.h"
#include "control/channel/json.h"
#include "control/channel/treatment.h"

namespace postern::channel {
namespace {

using namespace v1;
using nlohmann::ordered_json;

double seconds_since(uint64_t unix_ms, uint64_t now_unix_ms) {
  return now_unix_ms > unix_ms ? static_cast<double>(now_unix_ms - unix_ms) / 1000.0 : 0.0;
}

uint64_t longest_pause_ns(const DataPlaneStatus& status) {
  uint64_t longest = 0;
  for (const WorkerStatus& worker : status.workers())
    longest = std::max(longest, worker.signature_swap_pause_ns());
  return longest;
}

ordered_json gate_json(const AttachedDataPlane& gate, uint64_t now_unix_ms) {
  const DataPlaneStatus& status = gate.status();
  ordered_json out{
      {"gate", gate.gate()},
      {"attached", gate.attached()},
      {"attached_since", utc_time(gate.attached_unix_s())},
      {"seen_seconds_ago", seconds_since(gate.seen_unix_ms(), now_unix_ms)},
      {"acknowledged_version", gate.acknowledged_version()},
      {"refused", gate.refused().empty() ? ordered_json() : ordered_json(gate.refused())}};
  if (!gate.has_status()) return out;
  out["software"] = status.software();
  out["started"] = utc_time(status.started_unix_s());
  out["allocator"] = status.allocator();
  out["epoch"] = status.epoch();
  out["verdict_version"] = status.verdict_version();
  out["verdicts_held"] = status.verdicts_held();
  out["default_treatment"] = treatment_name(status.default_treatment());
  out["signature_set"] = status.signature_set();
  out["signature_rules"] = status.signature_rules();
  out["signature_set_pushed"] = status.signature_set_pushed();
  out["shadow_set"] = status.shadow_set();
  out["signatures_refused"] = gate.signatures_refused();
  out["signature_generations"] = status.signature_generations();
  out["signature_swap_pause_ns"] = longest_pause_ns(status);
  out["threshold"] = status.threshold();
  out["events_spooled"] = status.events_spooled();
  out["events_lost"] = status.events_lost();
  out["ports"] = ordered_json::array();
  for (const std::string& port : status.ports()) out["ports"].push_back(port);
  out["workers"] = ordered_json::array();
  for (const WorkerStatus& worker : status.workers()) {
    ordered_json values = ordered_json::object();
    for (const CounterValue& counter : worker.counters()) values[counter.name()] = counter.value();
    out["workers"].push_back({{"worker", worker.worker()},
                              {"flows", worker.flows()},
                              {"messages_in_flight", worker.messages_in_flight()},
                              {"counters", values}});
  }
  out["counters"] = summed_counters(status);
  return out;
}

}  // namespace

ordered_json to_json(const StatusReply& status, uint64_t now_unix_ms) {
  ordered_json out{{"control",
                    {{"software", status.software()},
                     {"started", utc_time(status.started_unix_s())},
                     {"allocator", status.allocator()},
                     {"epoch", status.epoch()},
                     {"version", status.version()},
                     {"verdicts", status.verdicts()},
                     {"events_stored", status.events_stored()},
                     {"ledger", status.ledger()}}},
                   {"data_planes", ordered_json::array()}};
  for (const AttachedDataPlane& gate : status.data_planes())
    out["data_planes"].push_back(gate_json(gate, now_unix_ms));
  return out;
}

}  // namespace postern::channel
