#include "dataplane/process.h"

#include <fmt/format.h>
#include <rte_eal.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>
#include <vector>

#include "base/version.h"
#include "dataplane/agent/agent.h"
#include "dataplane/gate.h"
#include "dataplane/ports/interface_offloads.h"
#include "dataplane/signature_handover.h"
#include "dataplane/status.h"
#include "dataplane/telemetry.h"

namespace postern {
namespace {

// Blocked before any thread begins, so that all inherit it: the main thread takes signals when it
// asks for them.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return set;
}

uint64_t unix_seconds() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
}

// All that lives while the gate is up. Members are in the order in which they need each other; they
// go in reverse.
class DataPlane {
 public:
  explicit DataPlane(const Settings& settings) : settings_(settings) {}

  // Everything that can fail for want of something on the machine.
  std::expected<void, std::string> assemble();
  // Workers begin with the verdicts from disk and the signature set in force.
  std::expected<void, std::string> launch();
  void serve(const sigset_t& signals);
  void stop();

 private:
  std::expected<void, std::string> make_agent();
  void load_signature_set();
  void announce(const scan::SignatureSet& set, uint64_t generation);

  const Settings& settings_;
  const uint64_t started_unix_s_ = unix_seconds();
  std::unique_ptr<verdict::VerdictTable> verdicts_;
  std::vector<std::unique_ptr<agent::EventQueue>> queues_;  // by worker
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<SignatureHandover> signatures_;
  std::unique_ptr<agent::Agent> agent_;
};

std::expected<void, std::string> DataPlane::assemble() {
  auto verdicts = verdict::VerdictTable::create({.capacity = settings_.verdicts,
                                                 .readers = settings_.workers,
                                                 .default_treatment = settings_.default_treatment});
  if (!verdicts) return std::unexpected("limits.verdicts: " + verdicts.error());
  verdicts_ = std::move(*verdicts);
  std::vector<worker::EventSink*> sinks;
  for (uint16_t i = 0; i < settings_.workers; ++i) {
    queues_.push_back(std::make_unique<agent::EventQueue>(settings_.event_queue));
    sinks.push_back(queues_.back().get());
  }
  auto gate = Gate::assemble(settings_, verdicts_.get(), sinks);
  if (!gate) return std::unexpected(gate.error());
  gate_ = std::move(*gate);
  signatures_ = std::make_unique<SignatureHandover>(
      gate_->workers(),
      [this](const scan::SignatureSet& set, uint64_t generation) { announce(set, generation); });
  return make_agent();
}

std::expected<void, std::string> DataPlane::make_agent() {
  std::vector<agent::EventQueue*> queues;
  for (const auto& queue : queues_) queues.push_back(queue.get());
  agent::AgentConfig config;
  config.gate = settings_.gate;
  config.software = fmt::format("postern-dataplane {}", kVersion);
  config.control = "unix:" + settings_.control_socket;
  config.verdicts.directory = settings_.state_directory;
  config.events.capacity = settings_.event_spool;
  auto agent = agent::Agent::create(
      config, *verdicts_, queues, [this](channel::v1::DataPlaneStatus& status) {
        fill_status(settings_, *gate_, *signatures_, started_unix_s_, status);
      });
  if (!agent) return std::unexpected(agent.error());
  agent_ = std::move(*agent);
  return {};
}

void DataPlane::announce(const scan::SignatureSet& set, uint64_t generation) {
  agent::SignatureNames names{.generation = generation,
                              .digest = set.digest(),
                              .name = std::string(set.name()),
                              .rule_names = {}};
  for (uint32_t rule = 0; rule < set.rule_count(); ++rule)
    names.rule_names.emplace_back(set.rule_name(rule));
  agent_->signature_set_in_force(std::move(names));
}

void DataPlane::load_signature_set() {
  if (settings_.signature_set.empty()) {
    spdlog::warn("no signature set is configured (signatures.set): messages are {}",
                 settings_.pipeline.without_signature_set == worker::FailMode::kOpen
                     ? "forwarded unscanned"
                     : "deferred");
    return;
  }
  if (auto loaded = signatures_->load(settings_.signature_set); loaded) {
    const auto set = signatures_->in_force();
    spdlog::info("signature set {} in force: {} rules, {}", set->name(), set->rule_count(),
                 set->digest());
  } else if (const auto set = signatures_->in_force(); set != nullptr) {
    spdlog::error("{}; {} stays in force", loaded.error(), set->digest());
  } else {
    spdlog::error(
        "{}; there is no signature set: messages are {} (fail.no_signature_set)", loaded.error(),
        settings_.pipeline.without_signature_set == worker::FailMode::kOpen ? "forwarded unscanned"
                                                                            : "deferred");
  }
}

std::expected<void, std::string> DataPlane::launch() {
  if (auto started = agent_->start(); !started) return std::unexpected(started.error());
  load_signature_set();
  for (const ports::Device& device : settings_.devices)
    if (const auto warning = ports::warn_of_merging(device)) spdlog::warn(*warning);
  if (auto launched = gate_->launch(); !launched) return std::unexpected(launched.error());
  register_telemetry(gate_.get());
  spdlog::info("gate {} is up: {}", settings_.gate, gate_->describe_distribution());
  return {};
}

void DataPlane::serve(const sigset_t& signals) {
  for (;;) {
    gate_->tick([](const std::string& line) { spdlog::info(line); });
    signatures_->collect();
    const timespec second{.tv_sec = 1, .tv_nsec = 0};
    const int signal = sigtimedwait(&signals, nullptr, &second);
    if (signal == SIGTERM || signal == SIGINT) return;
    if (signal == SIGHUP) load_signature_set();
  }
}

void DataPlane::stop() {
  spdlog::info("stopping");
  register_telemetry(nullptr);
  // Workers first: what they report of the flows they leave is handed over by the agent.
  gate_->stop();
  agent_->stop();
  for (const std::string& line : gate_->describe_ports()) spdlog::info(line);
}

int fail(const std::string& what) {
  spdlog::error(what);
  return kCannotStart;
}

}  // namespace

int run_data_plane(const Settings& settings) {
  const sigset_t signals = block_signals();
  const ports::EalConfig eal{
      .gate = settings.gate,
      .devices = settings.devices,
      .huge_pages = settings.huge_pages,
      .memory_bytes = Gate::memory_needed(settings),
      .lcores = Gate::lcores_needed(settings),
      .cpus = settings.cpus,
      .verbose = settings.log_level == "debug",
      .options = settings.eal_options,
  };
  if (auto started = ports::start_eal(eal); !started) return fail(started.error());
  {
    DataPlane data_plane(settings);
    if (auto assembled = data_plane.assemble(); !assembled) return fail(assembled.error());
    if (auto launched = data_plane.launch(); !launched) return fail(launched.error());
    data_plane.serve(signals);
    data_plane.stop();
  }
  rte_eal_cleanup();
  return kStopped;
}

}  // namespace postern
