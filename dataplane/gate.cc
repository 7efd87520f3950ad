#include "dataplane/gate.h"

#include <fmt/format.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include <algorithm>

namespace postern {
namespace {

using packet::Side;
using ports::Distribution;

int run_worker(void* worker) {
  static_cast<worker::Worker*>(worker)->run();
  return 0;
}

int run_distributor(void* distributor) {
  static_cast<worker::Distributor*>(distributor)->run();
  return 0;
}

}  // namespace

uint64_t Gate::memory_needed(const Settings& settings) {
  return ports::MbufFrameSource::memory_needed(settings.pool_frames(), settings.frame_bytes(),
                                               settings.huge_pages);
}

uint32_t Gate::lcores_needed(const Settings& settings) {
  // Whether a distributor is needed is known once the ports are open; its lcore sleeps if it is
  // not.
  return settings.workers + (settings.workers > 1 ? 1 : 0);
}

std::expected<std::unique_ptr<Gate>, std::string> Gate::assemble(
    const Settings& settings, verdict::VerdictTable* verdicts,
    const std::vector<worker::EventSink*>& events) {
  std::unique_ptr<Gate> gate(new Gate(settings));
  auto frames =
      ports::MbufFrameSource::create("frames", settings.pool_frames(), settings.frame_bytes());
  if (!frames) return std::unexpected(frames.error());
  gate->frames_ = std::move(*frames);
  if (auto done = gate->open_ports(); !done) return std::unexpected(done.error());
  if (auto done = gate->make_distributor(); !done) return std::unexpected(done.error());
  if (auto done = gate->make_workers(verdicts, events); !done) return std::unexpected(done.error());
  return gate;
}

std::expected<void, std::string> Gate::open_ports() {
  std::array<ports::Capabilities, 2> can;
  for (size_t side = 0; side < 2; ++side) {
    auto capabilities = ports::Capabilities::of(settings_.devices[side]);
    if (!capabilities)
      return std::unexpected(fmt::format("ports.{}: {}", ports::side_name(static_cast<Side>(side)),
                                         capabilities.error()));
    can[side] = *capabilities;
  }
  distribution_ =
      ports::choose_distribution(can[0], can[1], settings_.workers, settings_.allow_rss);
  workers_send_themselves_ = std::min(can[0].tx_queues, can[1].tx_queues) >= settings_.workers;

  const bool rss = distribution_ == Distribution::kRss;
  for (size_t side = 0; side < 2; ++side) {
    const ports::PortConfig config{
        .side = static_cast<Side>(side),
        .mtu = settings_.mtu,
        .rx_queues = rss ? settings_.workers : uint16_t{1},
        .tx_queues = workers_send_themselves_ ? settings_.workers : uint16_t{1},
        .rss = rss,
        .descriptors = settings_.descriptors,
    };
    auto port = ports::Port::open(settings_.devices[side], can[side], config, frames_->pool());
    if (!port) return std::unexpected(port.error());
    ports_[side] = std::move(*port);
  }
  return rss ? make_handovers(can[0].rss_table_entries) : std::expected<void, std::string>{};
}

// With several workers on queues of their own a segment that was put together may be another's.
std::expected<void, std::string> Gate::make_handovers(uint16_t rss_table_entries) {
  auto rings = ports::HandoverRings::create(settings_.workers);
  if (!rings) return std::unexpected(rings.error());
  handover_rings_ = std::move(*rings);
  for (uint16_t worker = 0; worker < settings_.workers; ++worker)
    handovers_.push_back(
        std::make_unique<ports::Handover>(worker, rss_table_entries, handover_rings_.get()));
  return {};
}

std::expected<void, std::string> Gate::make_distributor() {
  if (distribution_ != Distribution::kSoftware) return {};
  std::array<ports::RxLane, 2> receive;
  std::array<ports::TxLane, 2> transmit;
  for (size_t side = 0; side < 2; ++side) {
    receive[side] = ports::RxLane::from_queue(ports_[side]->id(), 0);
    transmit[side] = ports::TxLane::to_queue(ports_[side]->id(), 0);
  }
  auto distributor = worker::Distributor::create(settings_.workers, receive, transmit,
                                                 !workers_send_themselves_, settings_.idle_sleep_us,
                                                 settings_.reassembly, frames_.get(), &clock_);
  if (!distributor) return std::unexpected(distributor.error());
  distributor_ = std::move(*distributor);
  return {};
}

worker::WorkerLanes Gate::lanes_of(uint16_t worker) const {
  worker::WorkerLanes lanes;
  if (distribution_ != Distribution::kSoftware) lanes.reassembly = settings_.reassembly;
  if (!handovers_.empty()) lanes.handover = handovers_[worker].get();
  const uint16_t queue = distribution_ == Distribution::kSingle ? uint16_t{0} : worker;
  for (size_t side = 0; side < 2; ++side) {
    const uint16_t port = ports_[side]->id();
    lanes.receive[side] = distributor_ ? distributor_->to_worker(worker, static_cast<Side>(side))
                                       : ports::RxLane::from_queue(port, queue);
    lanes.transmit[side] = {
        .lane = workers_send_themselves_
                    ? ports::TxLane::to_queue(port, queue)
                    : distributor_->from_worker(worker, static_cast<Side>(side)),
        .offload = ports_[side]->checksum_offload(),
    };
  }
  return lanes;
}

std::expected<void, std::string> Gate::make_workers(verdict::VerdictTable* verdicts,
                                                    const std::vector<worker::EventSink*>& events) {
  const worker::WorkerSurroundings surroundings{
      .frames = frames_.get(), .clock = &clock_, .verdicts = verdicts};
  for (uint16_t number = 0; number < settings_.workers; ++number) {
    worker::PipelineConfig config = settings_.pipeline;
    config.worker = number;
    auto worker = worker::Worker::create(config, surroundings, lanes_of(number), events[number],
                                         settings_.idle_sleep_us);
    if (!worker) return std::unexpected(worker.error());
    workers_.push_back(std::move(*worker));
  }
  return {};
}

std::expected<void, std::string> Gate::launch() {
  unsigned lcore = rte_get_main_lcore();
  const auto next_lcore = [&] { return lcore = rte_get_next_lcore(lcore, 1, 0); };
  if (rte_lcore_count() < workers_.size() + (distributor_ ? 2 : 1))
    return std::unexpected(fmt::format("{} lcores are not enough for {} workers{}",
                                       rte_lcore_count(), workers_.size(),
                                       distributor_ ? " and a distributor" : ""));
  lcore = static_cast<unsigned>(-1);
  for (auto& worker : workers_) {
    if (const int code = rte_eal_remote_launch(run_worker, worker.get(), next_lcore()); code != 0)
      return std::unexpected(fmt::format("lcore {} is busy", lcore));
    worker_lcores_.push_back(lcore);
  }
  if (distributor_ != nullptr) {
    if (const int code = rte_eal_remote_launch(run_distributor, distributor_.get(), next_lcore());
        code != 0)
      return std::unexpected(fmt::format("lcore {} is busy", lcore));
    distributor_lcore_ = lcore;
  }
  return {};
}

void Gate::tick(const std::function<void(const std::string&)>& log) {
  clock_.refresh_wall();
  for (auto& port : ports_)
    if (port->link_changed())
      log(fmt::format("{} port {}: link {}", ports::side_name(port->side()), port->name(),
                      port->link_up() ? "up" : "down"));
}

void Gate::stop() {
  for (auto& worker : workers_) worker->stop();
  for (unsigned lcore : worker_lcores_) rte_eal_wait_lcore(lcore);
  worker_lcores_.clear();
  if (distributor_lcore_ != 0) {
    distributor_->stop();
    rte_eal_wait_lcore(distributor_lcore_);
    distributor_lcore_ = 0;
  }
}

Gate::~Gate() { stop(); }

std::vector<std::string> Gate::describe_ports() const {
  std::vector<std::string> lines;
  for (const auto& port : ports_) lines.push_back(port->describe());
  return lines;
}

std::string Gate::describe_distribution() const {
  switch (distribution_) {
    case Distribution::kSingle:
      return "one worker polls both ports";
    case Distribution::kRss:
      return fmt::format("{} workers, flows spread by the ports' symmetric RSS", workers_.size());
    case Distribution::kSoftware:
      break;
  }
  return fmt::format("{} workers, flows spread by a distributor; workers send {}", workers_.size(),
                     workers_send_themselves_ ? "by queues of their own" : "through it");
}

}  // namespace postern
