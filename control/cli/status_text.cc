#include "control/cli/status_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "control/channel/counters.h"
#include "control/channel/treatment.h"
#include "control/cli/table.h"

namespace postern::cli {
namespace {

using namespace channel::v1;

// Those that begin with `prefix` and are not zero: "forwarded 12, refused_content 3".
std::string in_words(const std::map<std::string, uint64_t>& sums, std::string_view prefix) {
  std::vector<std::string> words;
  for (const auto& [name, value] : sums) {
    if (name.starts_with(prefix) && value != 0) {
      words.push_back(fmt::format("{} {}", name.substr(prefix.size()), value));
    }
  }
  return words.empty() ? "none" : fmt::format("{}", fmt::join(words, ", "));
}

std::string up_since(uint64_t unix_s, uint64_t now_unix_ms) {
  const uint64_t now = now_unix_ms / 1000;
  return age(now > unix_s ? now - unix_s : 0);
}

double seconds_since(uint64_t unix_ms, uint64_t now_unix_ms) {
  return now_unix_ms > unix_ms ? static_cast<double>(now_unix_ms - unix_ms) / 1000.0 : 0.0;
}

std::string seen_text(const AttachedDataPlane& gate, uint64_t now_unix_ms) {
  const double seconds = seconds_since(gate.seen_unix_ms(), now_unix_ms);
  const std::string ago =
      seconds < 60 ? fmt::format("{:.1f}s", seconds) : age(static_cast<uint64_t>(seconds));
  return gate.attached() ? fmt::format("attached, seen {} ago", ago)
                         : fmt::format("NOT ATTACHED, last seen {} ago", ago);
}

std::string verdicts_text(const AttachedDataPlane& gate, const StatusReply& status) {
  std::string text = fmt::format("{} held, ", gate.status().verdicts_held());
  if (gate.acknowledged_version() == status.version()) {
    text += fmt::format("version {} in force", status.version());
  } else {
    text += fmt::format("version {} in force, {} is not yet", gate.acknowledged_version(),
                        status.version());
  }
  if (!gate.refused().empty()) text += fmt::format("; refused: {}", printable(gate.refused(), 200));
  return text;
}

uint64_t longest_pause_ns(const DataPlaneStatus& status) {
  uint64_t longest = 0;
  for (const WorkerStatus& worker : status.workers())
    longest = std::max(longest, worker.signature_swap_pause_ns());
  return longest;
}

void add_gate(Table& table, const AttachedDataPlane& gate, const StatusReply& reply,
              uint64_t now_unix_ms) {
  const DataPlaneStatus& status = gate.status();
  table.add(
      {"data plane", fmt::format("{}, {}", printable(gate.gate()), seen_text(gate, now_unix_ms))});
  if (!gate.has_status()) {
    table.add({"", "it has not reported yet"});
    return;
  }
  table.add({"  process", fmt::format("{}, up {}, {}", printable(status.software()),
                                      up_since(status.started_unix_s(), now_unix_ms),
                                      printable(status.allocator()))});
  table.add({"  verdicts", verdicts_text(gate, reply)});
  table.add(
      {"  signatures",
       status.signature_set().empty()
           ? "none loaded"
           : fmt::format("{}, {} rules, threshold {:g}, {}", printable(status.signature_set(), 100),
                         status.signature_rules(), status.threshold(),
                         status.signature_set_pushed() ? "loaded by control" : "configured")});
  if (!status.shadow_set().empty()) table.add({"  shadow", printable(status.shadow_set(), 100)});
  if (!gate.signatures_refused().empty())
    table.add({"  refused", printable(gate.signatures_refused(), 300)});
  if (const double pause_us = static_cast<double>(longest_pause_ns(status)) / 1000; pause_us > 0) {
    table.add({"  swap", fmt::format("longest pause {:.1f} µs, {} generations held", pause_us,
                                     status.signature_generations())});
  }
  std::vector<std::string> ports;
  for (const std::string& port : status.ports()) ports.push_back(printable(port));
  table.add({"  ports", fmt::format("{}", fmt::join(ports, ", "))});
  uint64_t flows = 0, in_flight = 0;
  for (const WorkerStatus& worker : status.workers()) {
    flows += worker.flows();
    in_flight += worker.messages_in_flight();
  }
  table.add({"  workers", fmt::format("{}, {} flows, {} messages under way", status.workers_size(),
                                      flows, in_flight)});
  const auto sums = channel::summed_counters(status);
  table.add({"  messages", in_words(sums, "messages_")});
  table.add({"  drops", in_words(sums, "drop_")});
  table.add({"  events",
             fmt::format("{} spooled, {} lost", status.events_spooled(), status.events_lost())});
}

}  // namespace

std::string status_text(const StatusReply& status, uint64_t now_unix_ms) {
  Table table(
      {"control", fmt::format("{}, up {}, {}", status.software(),
                              up_since(status.started_unix_s(), now_unix_ms), status.allocator())});
  table.add({"  verdicts", fmt::format("{}, version {}", status.verdicts(), status.version())});
  table.add({"  events", fmt::format("{} stored", status.events_stored())});
  table.add({"  ledger", status.ledger()});
  if (status.data_planes_size() == 0)
    table.add({"data plane", "none has attached since the control process began"});
  for (const AttachedDataPlane& gate : status.data_planes())
    add_gate(table, gate, status, now_unix_ms);
  return table.to_string();
}

}  // namespace postern::cli
