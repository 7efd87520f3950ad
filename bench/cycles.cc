#include "bench/cycles.h"

#include <fmt/format.h>
#include <x86intrin.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>

#include "dataplane/stage.h"

namespace postern::bench {

using nlohmann::ordered_json;

namespace {

constexpr size_t kStages = static_cast<size_t>(Stage::kCount);
constexpr long kShortestNs = 20'000, kLongestNs = 60'000;  // between two looks
// Looks at a stage of a tenth part: three in a hundred of it are noise then.
constexpr double kLeastSeconds = 1.0;

using Counts = std::array<uint64_t, kStages>;

// Looks at one thread's stage until it is told to stop. The looks are irregular, so that nothing of
// the load can keep step with them.
class StageSampler {
 public:
  explicit StageSampler(const std::atomic<Stage>* of)
      : thread_([this, of](const std::stop_token& stop) {
          uint32_t random = 1;
          while (!stop.stop_requested()) {
            random = random * 1664525 + 1013904223;  // Numerical Recipes' generator
            const timespec pause{
                0, kShortestNs + static_cast<long>(random >> 8) % (kLongestNs - kShortestNs)};
            nanosleep(&pause, nullptr);
            ++counts_[static_cast<size_t>(of->load(std::memory_order_relaxed))];
          }
        }) {}

  Counts stop() {
    thread_.request_stop();
    thread_.join();
    // What is not measured, between passes.
    counts_[static_cast<size_t>(Stage::kOutside)] = 0;
    return counts_;
  }

 private:
  Counts counts_{};
  std::jthread thread_;
};

double cycles_per_second() {
  using Clock = std::chrono::steady_clock;
  const auto began = Clock::now();
  const uint64_t first = __rdtsc();
  while (Clock::now() - began < std::chrono::milliseconds(50)) {
  }
  const uint64_t last = __rdtsc();
  return static_cast<double>(last - first) /
         std::chrono::duration<double>(Clock::now() - began).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

struct Repetition {
  double seconds = 0;  // of a message
  Counts counts{};
  double share(size_t stage) const {
    const auto all = std::accumulate(counts.begin(), counts.end(), uint64_t{0});
    return static_cast<double>(counts[stage]) / static_cast<double>(std::max<uint64_t>(all, 1));
  }
};

std::expected<Repetition, std::string> repeat(const Row& whole, double seconds) {
  Repetition out;
  StageSampler sampler(&current_stage);
  int passes = 0;
  for (; out.seconds < seconds; ++passes) {
    const auto pass = whole.pass();
    if (!pass) return std::unexpected(whole.name + ": the counts are wrong: " + pass.error());
    out.seconds += pass->seconds;
  }
  out.counts = sampler.stop();
  out.seconds /= passes * whole.units_per_pass;
  return out;
}

std::string name_of(const Row& whole, std::string_view stage) {
  return fmt::format("cycles.{}.{}", stage, whole.name.substr(whole.name.find('.') + 1));
}

ordered_json row(const Row& whole, std::string_view stage, std::string_view what, double cycles,
                 const std::vector<double>& repetitions) {
  const auto [least, most] = std::ranges::minmax(repetitions);
  const auto rounded = [](double value) { return std::stod(fmt::format("{:.4g}", value)); };
  return {{"row", name_of(whole, stage)},
          {"what", what},
          {"unit", "cycles"},
          {"value", rounded(cycles)},
          {"spread", cycles > 0 ? rounded((most - least) / cycles) : 0},
          {"cycles_per_octet", rounded(cycles * whole.units_per_pass / whole.octets_per_pass)},
          {"input", whole.input},
          {"set", whole.set},
          {"open_connections", whole.open_connections}};
}

}  // namespace

std::vector<std::string> cycle_names(const Row& whole) {
  std::vector<std::string> names{name_of(whole, "total")};
  for (size_t stage = 1; stage < kStages; ++stage)
    names.push_back(name_of(whole, kStageTable[stage].name));
  return names;
}

std::expected<std::vector<ordered_json>, std::string> measure_cycles(const Row& whole,
                                                                     const Effort& effort) {
  const double hertz = cycles_per_second();
  const double seconds = std::max(effort.seconds, kLeastSeconds);
  std::vector<Repetition> repetitions;
  for (int i = 0; i < effort.repetitions; ++i) {
    auto repetition = repeat(whole, seconds);
    if (!repetition) return std::unexpected(repetition.error());
    repetitions.push_back(*repetition);
  }
  std::vector<double> totals;
  Repetition all;
  for (const Repetition& repetition : repetitions) {
    totals.push_back(repetition.seconds * hertz);
    for (size_t stage = 0; stage < kStages; ++stage) all.counts[stage] += repetition.counts[stage];
  }
  const double total = median(totals);
  std::vector<ordered_json> rows{row(whole, "total", "a whole message", total, totals)};
  for (size_t stage = 1; stage < kStages; ++stage) {
    std::vector<double> cycles;
    for (size_t i = 0; i < repetitions.size(); ++i)
      cycles.push_back(repetitions[i].share(stage) * totals[i]);
    rows.push_back(row(whole, kStageTable[stage].name, kStageTable[stage].help,
                       all.share(stage) * total, cycles));
    rows.back()["compared_with"] = rows[0]["row"];
    rows.back()["ratio"] = std::stod(fmt::format("{:.3g}", all.share(stage)));
  }
  return rows;
}

}  // namespace postern::bench
