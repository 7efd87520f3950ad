#include "bench/replay.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "base/testing/heap_calls.h"
#include "bench/standing.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/stage.h"

namespace postern::bench {

using packet::Frame;
using packet::Side;
using As = ReplaySetup::As;

namespace {

constexpr size_t kBurst = worker::Pipeline::kBurst;  // as the worker's loop receives
constexpr size_t kSwapBursts = 4;                    // between two swaps
constexpr uint64_t kBurstUs = 20;                    // how far the clock moves on with each

double thread_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Drops, errors and losses: nothing of the kind belongs into a replay that goes as it should,
// except where the recording had it too.
bool is_trouble(std::string_view counter) {
  return counter.starts_with("drop_") || counter == "events_lost" || counter == "scan_errors";
}

}  // namespace

Stopwatch::Stopwatch() : began_s_(thread_seconds()), allocations_(heap_calls()) {}
Pass Stopwatch::read() const { return {thread_seconds() - began_s_, heap_calls() - allocations_}; }

std::expected<std::unique_ptr<Replay>, std::string> Replay::create(Traffic* traffic,
                                                                   const ReplaySetup& setup) {
  std::unique_ptr<Replay> replay(new Replay(traffic, setup));
  if (auto ready = replay->set_up(); !ready) return std::unexpected(ready.error());
  return replay;
}

std::expected<void, std::string> Replay::set_up() {
  if (setup_.as == As::kNothing) return {};
  worker::PipelineConfig config;
  if (setup_.as == As::kNotMail) config.mail_ports = {2525};
  const TrafficShape& shape = traffic_->shape();
  // Refused connections are remembered for ten seconds; all of a pass takes place in these. Half of
  // everything stays free, so that no host meets its share.
  config.flows = 2 * shape.connections + setup_.idle;
  config.answers = 2 * static_cast<uint32_t>(traffic_->refused() + 1);
  config.messages_in_flight = 2 * shape.active;
  config.transactions = 2 * (shape.active + shape.open);
  if (setup_.idle > 0) config.idle_timeout_s = 1'000'000;
  const verdict::VerdictSource* verdicts = setup_.verdicts ? setup_.verdicts : &verdicts_;
  auto pipeline = worker::Pipeline::create(config, traffic_, verdicts, &events_, this, &counters_);
  if (!pipeline) return std::unexpected(pipeline.error());
  pipeline_ = std::move(*pipeline);
  pipeline_->use_signature_set(setup_.set, 1, setup_.scratch);
  if (setup_.idle == 0) return {};
  return stand({setup_.idle_recording, 1},
               {.first_client = shape.first_client + shape.connections, .count = setup_.idle},
               *traffic_, *pipeline_, now_);
}

Replay::Replay(Traffic* traffic, const ReplaySetup& setup)
    : traffic_(traffic),
      setup_(setup),
      verdicts_(setup.as == As::kVerdictPass ? verdict::Treatment::kPass
                                             : verdict::Treatment::kInspect) {}

Replay::~Replay() {
  if (pipeline_) pipeline_->clear(now_);
}

// A port without checksum offload.
void Replay::send(Frame* frame, Side) {
  if (frame->checksum_needed) packet::fill_checksums(*frame);
  ++sent_;
  traffic_->release(frame);
}

// The harness alone: what every other replay pays too.
void Replay::forward_all() {
  const auto arrivals = traffic_->arrivals();
  for (size_t i = 0; i < arrivals.size(); i += kBurst) {
    const size_t end = std::min(i + kBurst, arrivals.size());
    for (size_t k = i; k < end; ++k) __builtin_prefetch(arrivals[k].frame->data());
    for (size_t k = i; k < end; ++k) send(arrivals[k].frame, arrivals[k].side);
  }
}

void Replay::process_all() {
  StageScope stage(Stage::kReceive);
  const auto arrivals = traffic_->arrivals();
  std::array<Frame*, kBurst> burst;
  size_t bursts = 0;
  for (size_t i = 0; i < arrivals.size();) {
    if (setup_.other && ++bursts % kSwapBursts == 0) swap();
    // A burst comes from one side.
    const Side side = arrivals[i].side;
    size_t count = 0;
    for (; count < kBurst && i < arrivals.size() && arrivals[i].side == side; ++count, ++i) {
      burst[count] = arrivals[i].frame;
      __builtin_prefetch(burst[count]->data());
    }
    process({burst.data(), count}, side);
    between_bursts();
    now_.monotonic_us += kBurstUs;
    now_.wall_us += kBurstUs;
  }
}

void Replay::let_be_forgotten() {
  if (!pipeline_) return;
  for (int i = 0; i < 20'000 && pipeline_->flows() > setup_.idle; ++i) {
    now_.monotonic_us += 50'000;
    now_.wall_us += 50'000;
    pipeline_->expire(now_);
  }
}

// Between two bursts, as the worker's loop takes it from its mailbox.
void Replay::swap() {
  ++generation_;
  std::shared_ptr<const scan::SignatureSet> next = generation_ % 2 == 0 ? setup_.other : setup_.set;
  const Stopwatch stopwatch;
  pipeline_->use_signature_set(std::move(next), generation_, setup_.scratch);
  swap_seconds_.push_back(stopwatch.read().seconds);
}

void Replay::drive() {
  if (setup_.as == As::kNothing) {
    forward_all();
  } else {
    process_all();
  }
}

std::expected<Pass, std::string> Replay::pass() {
  swap_seconds_.clear();
  swap_seconds_.reserve(traffic_->arrivals().size() / kSwapBursts + 1);
  traffic_->restore(setup_.checksums_trusted);
  const CounterValues before = values_of(counters_);
  sent_ = 0;
  events_.published = 0;
  ready();
  const Stopwatch stopwatch;
  drive();
  if (setup_.forgetting_timed) let_be_forgotten();
  const Pass pass = stopwatch.read();
  let_be_forgotten();
  if (auto right = account(before); !right) return std::unexpected(right.error());
  return pass;
}

std::expected<void, std::string> Replay::account(const CounterValues& before) const {
  struct Count {
    std::string_view what;
    uint64_t is, must;
  };
  const bool mail = setup_.as == As::kMail;
  const uint64_t frames = traffic_->arrivals().size(), messages = traffic_->messages();
  std::vector<Count> counts{{"frames still held", traffic_->held(), 0},
                            {"frames sent", sent_, mail ? traffic_->expected_sent() : frames}};
  if (pipeline_) {
    const CounterValues after = values_of(counters_);
    const auto added = [&](Counter counter) {
      const auto i = static_cast<size_t>(counter);
      return after[i] - before[i];
    };
    counts.push_back({"connections not forgotten", pipeline_->flows(), setup_.idle});
    counts.push_back({"messages still under way", pipeline_->messages_in_flight(), 0});
    counts.push_back({"frames_in", added(Counter::kFramesIn), frames});
    for (size_t i = 0; i < kCounters; ++i) {
      const std::string_view name = kCounterTable[i].name;
      const uint64_t must = mail ? traffic_->expected_counters()[i] : 0;
      if (mail || is_trouble(name)) counts.push_back({name, after[i] - before[i], must});
    }
    if (setup_.as == As::kNotMail) {
      counts.push_back({"frames_not_mail", added(Counter::kFramesNotMail), frames});
    }
    if (mail) {
      // The recordings could be wrong in the same way; these could not.
      counts.push_back({"messages_seen", added(Counter::kMessagesSeen), messages});
      counts.push_back({"messages_refused_content", added(Counter::kMessagesRefusedContent),
                        traffic_->refused()});
      counts.push_back({"messages_forwarded", added(Counter::kMessagesForwarded),
                        messages - traffic_->refused()});
      counts.push_back({"events", events_.published, messages});
    }
  }
  for (const Count& count : counts) {
    if (count.is == count.must) continue;
    return std::unexpected(
        fmt::format("{} is {}, but must be {}", count.what, count.is, count.must));
  }
  return {};
}

}  // namespace postern::bench
