#include "bench/swap.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "bench/conversation.h"
#include "bench/mail.h"
#include "bench/replay.h"
#include "bench/traffic.h"
#include "dataplane/scan/scanner.h"

namespace postern::bench {

using nlohmann::ordered_json;

namespace {

constexpr uint32_t kOpen = 64;

}  // namespace

std::expected<ordered_json, std::string> measure_swap(const SwapArguments& arguments) {
  auto set = scan::SignatureSet::load(arguments.set);
  auto other = scan::SignatureSet::load(arguments.other);
  if (!set) return std::unexpected(set.error());
  if (!other) return std::unexpected(other.error());
  scan::MessageScan::Scratch scratch;
  for (const auto& each : {*set, *other}) {
    if (auto ready = scratch.prepare(*each); !ready) return std::unexpected(ready.error());
  }
  const auto messages = read_messages(arguments.folder, arguments.messages);
  if (!messages) return std::unexpected(messages.error());
  auto recorder = Recorder::create(*set, &scratch);
  if (!recorder) return std::unexpected(recorder.error());
  std::vector<Conversation> recordings;
  for (const Message& message : *messages) {
    auto conversation = (*recorder)->record(message);
    if (!conversation) return std::unexpected(conversation.error());
    recordings.push_back(std::move(*conversation));
  }
  const auto count = static_cast<uint32_t>(recordings.size());
  Traffic traffic(recordings, TrafficShape{.connections = count, .open = kOpen, .active = kOpen});
  auto replay = Replay::create(&traffic, {.set = *set, .other = *other, .scratch = &scratch});
  if (!replay) return std::unexpected(replay.error());
  ordered_json out{{"messages", count}, {"longest_us", ordered_json::array()}};
  for (int pass = 0; pass <= arguments.effort.repetitions; ++pass) {
    if (const auto passed = (*replay)->pass(); !passed) return std::unexpected(passed.error());
    if (pass == 0) continue;  // to warm up
    std::vector<double> swaps = (*replay)->swap_seconds();
    if (swaps.empty()) return std::unexpected("too little traffic for a swap");
    std::ranges::sort(swaps);
    out["swaps"] = swaps.size();
    out["longest_us"].push_back(swaps.back() * 1e6);
    out["middle_us"].push_back(swaps[swaps.size() / 2] * 1e6);
  }
  return out;
}

}  // namespace postern::bench
