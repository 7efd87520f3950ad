// What connections cost one worker, apart from their messages: finding a flow among few and among a
// million, taking connections up and down, floods of SYNs, memory. bench/run drives it.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>

#include "bench/conversation.h"
#include "bench/resident.h"
#include "bench/row.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/worker/flow.h"
#include "dataplane/worker/keyed_table.h"

namespace postern::bench {
namespace {

using nlohmann::ordered_json;
using packet::Frame;
using packet::Side;
using packet::testing::Packet;
using Outcome = std::expected<Pass, std::string>;

constexpr size_t kBurst = worker::Pipeline::kBurst;
constexpr uint32_t kFew = 1000, kMany = 1'000'000;
constexpr uint32_t kAsked = 1 << 15;  // segments, or connections of a flood, in a pass
constexpr uint32_t kLives = 1 << 12;  // connections taken up and down in a pass

// Sixteen connections a host.
uint32_t address_of(uint32_t connection) { return 0x0a000001u + connection / 16; }
uint16_t port_of(uint32_t connection) { return static_cast<uint16_t>(40'000 + connection % 16); }
constexpr uint32_t kClientInitial = 1000, kServerInitial = 5000;

worker::FlowKey key_of(uint32_t connection) {
  worker::FlowKey key;
  uint8_t client[4];
  packet::store_be32(client, address_of(connection));
  key.low = IpAddress::from_v4(client);
  key.high = *IpAddress::parse("198.51.100.1");
  key.low_port = port_of(connection);
  key.high_port = 25;
  return key;
}

// Frames of one kind of segment, by as many connections, in memory before the clock runs.
struct Segments {
  Side arrives;
  std::vector<uint8_t> bytes;
  std::vector<Frame> frames;
};

class Load : public packet::FrameSource, public worker::Transmitter {
 public:
  Load(uint32_t open, verdict::Treatment treatment) : verdicts_(treatment), open_(open) {
    worker::PipelineConfig config;
    config.flows = open + 2 * kLives;
    config.handshakes = std::max(config.handshakes, 2 * open);
    config.worker_held_bytes = 64 << 20;
    config.idle_timeout_s = 1'000'000;
    pipeline_ =
        std::move(*worker::Pipeline::create(config, this, &verdicts_, &events_, this, &counters_));
    for (uint32_t at = 0; at < open; at += kAsked) {
      const uint32_t count = std::min(kAsked, open - at);
      run(segments(Side::kOutside, packet::kSyn | packet::kAck, 1, 0, at, count));
      run(segments(Side::kInside, packet::kAck, 1, 1, at, count));
    }
  }
  ~Load() override { pipeline_->clear(now_); }

  // `count` connections from `first` on; their segment stands so far behind each end's initial
  // number.
  Segments segments(Side arrives, uint8_t flags, uint32_t client_at, uint32_t server_at,
                    uint32_t first, uint32_t count) {
    std::vector<uint32_t> connections(count);
    for (uint32_t i = 0; i < count; ++i) connections[i] = first + i;
    return segments(arrives, flags, client_at, server_at, connections);
  }
  Segments segments(Side arrives, uint8_t flags, uint32_t client_at, uint32_t server_at,
                    const std::vector<uint32_t>& connections) {
    const bool inside = arrives == Side::kInside;
    const uint32_t client = kClientInitial + client_at, server = kServerInitial + server_at;
    const auto pattern = Packet{.from = inside ? "10.0.0.1:40000" : "198.51.100.1:25",
                                .to = inside ? "198.51.100.1:25" : "10.0.0.1:40000",
                                .seq = inside ? client : server,
                                .ack = inside ? server : client,
                                .flags = flags}
                             .bytes();
    Segments out{arrives, std::vector<uint8_t>(connections.size() * kStride),
                 std::vector<Frame>(connections.size())};
    for (size_t i = 0; i < connections.size(); ++i) {
      uint8_t* bytes = out.bytes.data() + i * kStride;
      std::copy(pattern.begin(), pattern.end(), bytes);
      packet::store_be32(bytes + 14 + (inside ? 12 : 16), address_of(connections[i]));
      packet::store_be16(bytes + 34 + (inside ? 0 : 2), port_of(connections[i]));
      out.frames[i] = {.buffer = bytes,
                       .capacity = kStride,
                       .offset = 0,
                       .length = static_cast<uint32_t>(pattern.size()),
                       .checksum_trusted = true,
                       .checksum_needed = false,
                       .source = this};
    }
    return out;
  }

  void run(Segments&& segments) {
    std::array<Frame*, kBurst> burst;
    for (size_t at = 0; at < segments.frames.size(); at += kBurst) {
      const size_t count = std::min(kBurst, segments.frames.size() - at);
      for (size_t i = 0; i < count; ++i) {
        burst[i] = &segments.frames[at + i];
        __builtin_prefetch(burst[i]->data());
      }
      pipeline_->process({burst.data(), count}, segments.arrives, now_);
      pipeline_->expire(now_);
      now_.monotonic_us += 1;
    }
  }

  // Segments of connections that are open, in an order that no cache foresees.
  Outcome ask() {
    std::vector<uint32_t> asked(kAsked);
    for (uint32_t& connection : asked) connection = static_cast<uint32_t>(random_() % open_);
    auto all = segments(Side::kInside, packet::kAck, 1, 1, asked);
    return timed({&all, 1}, kAsked, [](const CounterValues&) { return true; });
  }
  // Connections from SYN to the last FIN's acknowledgement, next to those that are open.
  Outcome lives() {
    using namespace packet;
    Segments all[] = {segments(Side::kInside, kSyn, 0, 0, open_, kLives),
                      segments(Side::kOutside, kSyn | kAck, 1, 0, open_, kLives),
                      segments(Side::kInside, kAck, 1, 1, open_, kLives),
                      segments(Side::kInside, kAck | kFin, 1, 1, open_, kLives),
                      segments(Side::kOutside, kAck | kFin, 2, 1, open_, kLives),
                      segments(Side::kInside, kAck, 2, 2, open_, kLives)};
    return timed(all, 6 * kLives, [](const CounterValues& added) {
      return added[static_cast<size_t>(Counter::kFlowsOpened)] == kLives &&
             added[static_cast<size_t>(Counter::kFlowsClosed)] == kLives;
    });
  }
  // SYNs that nobody goes on with; `answered`: the server does answer them.
  Outcome flood(bool answered, bool by_us) {
    Segments all[] = {
        segments(Side::kInside, packet::kSyn, 0, 0, open_, kAsked),
        segments(Side::kOutside, packet::kSyn | packet::kAck, 1, 0, open_, answered ? kAsked : 0)};
    // What was to be repeated of the pass before is over.
    for (int i = 0; i < 1000; ++i) {
      now_.monotonic_us += 10'000;
      pipeline_->expire(now_);
    }
    return timed(all, answered ? 2 * kAsked : kAsked, [by_us](const CounterValues& added) {
      return added[static_cast<size_t>(Counter::kFlowsOpened)] == 0 &&
             added[static_cast<size_t>(Counter::kSynsAnswered)] == (by_us ? kAsked : 0);
    });
  }

  Frame* allocate() override { return forged_.allocate(); }
  void retain(Frame*) override {}
  void release(Frame* frame) override {
    if (frame->source != this) forged_.release(frame);
  }
  void send(Frame* frame, Side) override {
    ++sent_;
    release(frame);
  }

 private:
  static constexpr uint32_t kStride = 128;

  template <typename Right>
  Outcome timed(std::span<Segments> all, uint64_t must_leave, Right&& right) {
    const CounterValues before = values_of(counters_);
    sent_ = 0;
    const Stopwatch stopwatch;
    for (Segments& segments : all) run(std::move(segments));
    const Pass pass = stopwatch.read();
    CounterValues added = values_of(counters_);
    for (size_t i = 0; i < kCounters; ++i) added[i] -= before[i];
    if (sent_ != must_leave) {
      return std::unexpected(fmt::format("{} frames left, but must be {}", sent_, must_leave));
    }
    if (pipeline_->flows() != open_ || !right(added)) {
      return std::unexpected("flows were made or lost that must not");
    }
    return pass;
  }

  verdict::StaticVerdicts verdicts_;
  uint32_t open_;
  EventRing events_;
  Counters counters_;
  packet::HeapFrames forged_{1024};
  std::unique_ptr<worker::Pipeline> pipeline_;
  std::mt19937 random_{1};
  Now now_{.monotonic_us = 1'000'000, .wall_us = 1'700'000'000'000'000};
  uint64_t sent_ = 0;
};

// Only the table: a burst of look-ups as the pipeline makes them.
class Lookups {
 public:
  explicit Lookups(uint32_t flows) : table_(flows, 7), flows_(flows) {
    for (uint32_t i = 0; i < flows; ++i) table_.insert(key_of(i));
  }
  Outcome pass() {
    std::vector<worker::FlowKey> asked;
    for (uint32_t i = 0; i < kAsked; ++i) asked.push_back(key_of(random_() % flows_));
    uint32_t found = 0;
    std::array<uint64_t, kBurst> hashes;
    const Stopwatch stopwatch;
    for (size_t at = 0; at < kAsked; at += kBurst) {
      for (size_t i = 0; i < kBurst; ++i) {
        hashes[i] = table_.hash(asked[at + i]);
        table_.prefetch_slot(hashes[i]);
      }
      for (const uint64_t hash : hashes) table_.prefetch_object(hash);
      for (size_t i = 0; i < kBurst; ++i) found += table_.find(asked[at + i], hashes[i]) != nullptr;
    }
    const Pass pass = stopwatch.read();
    if (found != kAsked) return std::unexpected("a flow was not found");
    return pass;
  }

 private:
  worker::KeyedTable<worker::Flow> table_;
  uint32_t flows_;
  std::mt19937 random_{1};
};

Row row(std::string name, std::string what, std::string unit, uint32_t open, double units,
        std::function<Outcome()> pass, std::string compared_with = "") {
  return {.name = std::move(name),
          .what = std::move(what),
          .unit = std::move(unit),
          .input = "segments without payload, checksums left to the NIC",
          .set = "",
          .open_connections = open,
          .compared_with = std::move(compared_with),
          .units_per_pass = units,
          .octets_per_pass = 0,
          .pass = std::move(pass)};
}

// Few and many are measured in turns, so both are in memory at once.
std::expected<ordered_json, std::string> measure_all(const std::regex& filter,
                                                     const Effort& effort) {
  ordered_json rows = ordered_json::array();
  const auto add = [&](const std::vector<Row>& group) -> std::expected<void, std::string> {
    auto measured = measure(group, effort);
    if (!measured) return std::unexpected(measured.error());
    for (auto& one : *measured) rows.push_back(std::move(one));
    return {};
  };
  const auto wanted = [&](std::string_view name) {
    return std::regex_search(name.begin(), name.end(), filter);
  };
  if (wanted("flow.lookup")) {
    Lookups few(kFew), many(kMany);
    auto done = add({row("flow.lookup.1000", "a flow found among a thousand", "look-ups", kFew,
                         kAsked, [&] { return few.pass(); }),
                     row(
                         "flow.lookup.1000000", "and among a million", "look-ups", kMany, kAsked,
                         [&] { return many.pass(); }, "flow.lookup.1000")});
    if (!done) return std::unexpected(done.error());
  }
  if (wanted("flow.segment") || wanted("flow.life") || wanted("flow.memory")) {
    Load few(kFew, verdict::Treatment::kInspect);
    const uint64_t before = resident_bytes();
    Load many(kMany, verdict::Treatment::kInspect);
    const auto each = static_cast<double>(resident_bytes() - before) / kMany;
    auto done = add({row("flow.segment.1000", "an ACK of one of a thousand idle connections",
                         "segments", kFew, kAsked, [&] { return few.ask(); }),
                     row(
                         "flow.segment.1000000", "of one of a million", "segments", kMany, kAsked,
                         [&] { return many.ask(); }, "flow.segment.1000"),
                     row("flow.life.1000", "a connection taken up and down, a thousand being open",
                         "connections", kFew, kLives, [&] { return few.lives(); }),
                     row(
                         "flow.life.1000000", "a million being open", "connections", kMany, kLives,
                         [&] { return many.lives(); }, "flow.life.1000")});
    if (!done) return std::unexpected(done.error());
    rows.push_back({{"row", "flow.memory.1000000"},
                    {"what", "resident memory of a worker with a million idle flows, each"},
                    {"unit", "bytes"},
                    {"value", std::round(each)},
                    {"input", "a million open connections, none in a transaction"},
                    {"open_connections", kMany}});
  }
  if (wanted("syn.")) {
    Load inspected(kFew, verdict::Treatment::kInspect), blocked(kFew, verdict::Treatment::kRefuse);
    auto done = add(
        {row("flow.segment.1000.again", "an ACK of one of a thousand idle connections", "segments",
             kFew, kAsked, [&] { return inspected.ask(); }),
         row(
             "syn.flood", "a SYN that nobody answers", "SYNs", kFew, kAsked,
             [&] { return inspected.flood(false, false); }, "flow.segment.1000.again"),
         row(
             "syn.flood_answered", "a SYN and the server's SYN-ACK, never completed", "SYNs", kFew,
             kAsked, [&] { return inspected.flood(true, false); }, "flow.segment.1000.again"),
         row(
             "syn.blocked", "a SYN of a blocked sender, answered by us", "SYNs", kFew, kAsked,
             [&] { return blocked.flood(false, true); }, "flow.segment.1000.again")});
    if (!done) return std::unexpected(done.error());
  }
  return rows;
}

int main(int argc, char** argv) {
  std::string filter = ".*", output;
  Effort effort;
  CLI::App app(
      "Measures what connections cost one worker; bench/run calls it and prints its report.");
  app.add_option("--filter", filter, "Measure only rows whose name this expression finds");
  app.add_option("--repetitions", effort.repetitions)->check(CLI::Range(1, 1000));
  app.add_option("--seconds", effort.seconds, "CPU time of each repetition of a row");
  app.add_option("-o,--output", output, "The JSON file to write")->required();
  CLI11_PARSE(app, argc, argv);
  const auto rows = measure_all(std::regex(filter), effort);
  if (!rows) {
    fmt::print(stderr, "postern-bench-connections: {}\n", rows.error());
    return 1;
  }
  std::ofstream(output) << rows->dump(1) << '\n';
  return 0;
}

}  // namespace
}  // namespace postern::bench

int main(int argc, char** argv) { return postern::bench::main(argc, argv); }
