#include "bench/latency.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>
#include <x86intrin.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

namespace postern::bench {

using nlohmann::ordered_json;
using packet::Frame;
using packet::Side;

namespace {

constexpr size_t kBurst = worker::Pipeline::kBurst;
constexpr uint64_t kLeadTicks = 20'000;      // from the beginning of a pass to its first arrival
constexpr size_t kFramesLeast = 10'000;      // of a repetition: p99.9 is of ten frames
constexpr int kRepetitionsEach = 3;          // for one of Effort's: a neighbour spoils many
constexpr std::array kLoads = {10, 50, 90};  // percent

double monotonic_seconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Of the time stamp counter, found out once.
double ticks_per_us() {
  static const double kRate = [] {
    const double begin = monotonic_seconds();
    const uint64_t tsc = __rdtsc();
    while (monotonic_seconds() < begin + 0.1) _mm_pause();
    return static_cast<double>(__rdtsc() - tsc) / (monotonic_seconds() - begin) * 1e-6;
  }();
  return kRate;
}

// Percentiles of one repetition.
struct Percentiles {
  double p50 = 0, p99 = 0, p99_9 = 0, longest = 0;
};

Percentiles percentiles(std::vector<float>& us) {
  std::ranges::sort(us);
  const auto at = [&](double share) {
    return double{us[std::min(us.size() - 1, static_cast<size_t>(share * us.size()))]};
  };
  return {at(0.5), at(0.99), at(0.999), double{us.back()}};
}

// How often something else was given this thread's core.
double preemptions() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return static_cast<double>(usage.ru_nivcsw);
}

double rounded(double value) { return std::stod(fmt::format("{:.4g}", value)); }

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t n = values.size();
  return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

double median(const std::vector<Percentiles>& all, double Percentiles::*which) {
  std::vector<double> values;
  for (const Percentiles& one : all) values.push_back(one.*which);
  return median(std::move(values));
}

// One row's measurements: a load, through the pipeline or through the harness alone.
struct Measured {
  std::string name, what;
  OpenLoop* loop;
  int load;
  std::vector<Percentiles> repetitions;
  std::vector<double> offered;      // frames a second
  std::vector<double> preemptions;  // in each repetition
};

std::expected<void, std::string> repeat(Measured& row, double capacity) {
  std::vector<float> us;
  const double before = preemptions();
  const double rate = capacity * row.load / 100;
  while (us.size() < kFramesLeast) {
    if (auto passed = row.loop->pass_at(rate, us); !passed) {
      return std::unexpected(row.name + ": the counts are wrong: " + passed.error());
    }
  }
  row.repetitions.push_back(percentiles(us));
  row.offered.push_back(rate);
  row.preemptions.push_back(preemptions() - before);
  return {};
}

ordered_json report(const Measured& row, const Measured& other) {
  ordered_json p99s = ordered_json::array();
  std::vector<double> ratios;
  for (size_t i = 0; i < row.repetitions.size(); ++i) {
    p99s.push_back(rounded(row.repetitions[i].p99));
    ratios.push_back(row.repetitions[i].p99 / other.repetitions[i].p99);
  }
  const double p99 = median(row.repetitions, &Percentiles::p99);
  const auto [least, most] = std::ranges::minmax(row.repetitions, {}, &Percentiles::p99);
  return {{"row", row.name},
          {"what", row.what},
          {"unit", "us"},
          {"value", rounded(p99)},
          {"p50", rounded(median(row.repetitions, &Percentiles::p50))},
          {"p99", rounded(p99)},
          {"p99_9", rounded(median(row.repetitions, &Percentiles::p99_9))},
          {"max", rounded(median(row.repetitions, &Percentiles::longest))},
          {"p99_least", rounded(least.p99)},
          {"preemptions", rounded(median(row.preemptions))},
          {"spread", rounded((most.p99 - least.p99) / p99)},
          {"repetitions", p99s},
          {"offered_frames_per_second", rounded(median(row.offered))},
          {"compared_with", other.name},
          {"ratio", rounded(median(ratios))}};
}

}  // namespace

std::expected<std::unique_ptr<OpenLoop>, std::string> OpenLoop::create(Traffic* traffic,
                                                                       const ReplaySetup& setup) {
  std::unique_ptr<OpenLoop> loop(new OpenLoop(traffic, setup));
  if (auto ready = loop->set_up(); !ready) return std::unexpected(ready.error());
  return loop;
}

OpenLoop::OpenLoop(Traffic* traffic, const ReplaySetup& setup)
    : Replay(traffic, setup), harness_alone_(setup.as == ReplaySetup::As::kNothing) {
  burst_.reserve(kBurst);
}

std::expected<void, std::string> OpenLoop::pass_at(double frames_per_second,
                                                   std::vector<float>& into_us) {
  std::exponential_distribution<double> gap_s(frames_per_second);
  due_tsc_.clear();
  double at_s = 0;
  for (size_t i = 0; i < traffic().arrivals().size(); ++i) {
    due_tsc_.push_back(kLeadTicks + static_cast<uint64_t>(at_s * 1e6 * ticks_per_us()));
    at_s += gap_s(random_);
  }
  into_us.reserve(into_us.size() + 2 * due_tsc_.size());
  into_us_ = &into_us;
  if (auto passed = pass(); !passed) return std::unexpected(passed.error());
  return {};
}

// The frames that have arrived from one side by now, as many as make a burst; where the next are.
size_t OpenLoop::take_due(size_t next, uint64_t tsc) {
  const auto arrivals = traffic().arrivals();
  const Side side = arrivals[next].side;
  burst_.clear();
  for (; next < arrivals.size() && burst_.size() < kBurst; ++next) {
    if (began_tsc_ + due_tsc_[next] > tsc || arrivals[next].side != side) break;
    burst_.push_back(arrivals[next].frame);
    __builtin_prefetch(arrivals[next].frame->data());
  }
  return next;
}

void OpenLoop::drive() {
  const auto arrivals = traffic().arrivals();
  const Now began = now_;
  began_tsc_ = __rdtsc();
  for (size_t next = 0; next < arrivals.size();) {
    const uint64_t tsc = __rdtsc();
    const auto us = static_cast<uint64_t>(static_cast<double>(tsc - began_tsc_) / ticks_per_us());
    now_ = {.monotonic_us = began.monotonic_us + us, .wall_us = began.wall_us + us};
    const Side side = arrivals[next].side;
    next = take_due(next, tsc);
    if (harness_alone_) {
      for (Frame* frame : burst_) send(frame, side);
    } else {
      process(burst_, side);
    }
    if (burst_.empty()) _mm_pause();
  }
}

void OpenLoop::send(Frame* frame, Side out) {
  const auto place = traffic().place_of(*frame);
  Replay::send(frame, out);
  if (!place) return;
  const uint64_t ticks = __rdtsc() - began_tsc_ - due_tsc_[*place];
  into_us_->push_back(static_cast<float>(static_cast<double>(ticks) / ticks_per_us()));
}

std::expected<std::vector<ordered_json>, std::string> measure_latency(Traffic* traffic,
                                                                      const ReplaySetup& setup,
                                                                      const Effort& effort) {
  ReplaySetup closed_setup = setup;
  closed_setup.forgetting_timed = false;
  auto closed = Replay::create(traffic, closed_setup);
  auto loaded = OpenLoop::create(traffic, closed_setup);
  auto harness = OpenLoop::create(traffic, {.as = ReplaySetup::As::kNothing});
  if (!closed) return std::unexpected(closed.error());
  if (!loaded) return std::unexpected(loaded.error());
  if (!harness) return std::unexpected(harness.error());
  std::vector<Measured> rows;
  for (const int load : kLoads) {
    rows.push_back({fmt::format("latency.{}", load),
                    fmt::format("added to a forwarded frame at {} % load, p99", load),
                    loaded->get(), load});
    rows.push_back({fmt::format("latency_harness.{}", load),
                    "the same arrivals without a pipeline: harness and machine, p99",
                    harness->get(), load});
  }
  const auto frames = static_cast<double>(traffic->arrivals().size());
  for (int i = 0; i <= kRepetitionsEach * effort.repetitions; ++i) {
    double seconds = 0;
    for (int n = 0; n < 2; ++n) {  // the first warms up
      const auto pass = (*closed)->pass();
      if (!pass) return std::unexpected("latency: the counts are wrong: " + pass.error());
      seconds = pass->seconds;
    }
    if (i == 0) continue;
    for (Measured& row : rows) {
      if (auto done = repeat(row, frames / seconds); !done) return std::unexpected(done.error());
    }
  }
  std::vector<ordered_json> reports;
  for (size_t i = 0; i < rows.size(); ++i) reports.push_back(report(rows[i], rows[i ^ 1]));
  return reports;
}

}  // namespace postern::bench
