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
#include "dataplane/signature_intake.h"
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
  // After a launch that failed, too: they speak to each other.
  ~DataPlane() {
    if (intake_ != nullptr) intake_->stop();
    if (agent_ != nullptr) agent_->stop();
  }

  // Everything that can fail for want of something on the machine.
  std::expected<void, std::string> assemble();
  // Workers begin with the verdicts from disk and the signature set in force.
  std::expected<void, std::string> launch();
  void serve(const sigset_t& signals);
  void stop();

 private:
  std::expected<void, std::string> make_agent();
  std::expected<void, std::string> make_intake();
  void announce(const SignatureHandover::Sets& sets, uint64_t generation);

  const Settings& settings_;
  const uint64_t started_unix_s_ = unix_seconds();
  std::unique_ptr<verdict::VerdictTable> verdicts_;
  std::vector<std::unique_ptr<agent::EventQueue>> queues_;  // by worker
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<SignatureHandover> signatures_;
  std::unique_ptr<agent::Agent> agent_;
  std::unique_ptr<SignatureIntake> intake_;
};

std::expected<void, std::string> DataPlane::assemble() {
  auto verdicts = verdict::VerdictTable::create({.capacity = settings_.verdicts,
                                                 .narrow_capacity = settings_.narrow_blocks,
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
      gate_->workers(), [this](const SignatureHandover::Sets& sets, uint64_t generation) {
        announce(sets, generation);
      });
  if (auto made = make_agent(); !made) return made;
  return make_intake();
}

std::expected<void, std::string> DataPlane::make_agent() {
  std::vector<agent::EventQueue*> queues;
  for (const auto& queue : queues_) queues.push_back(queue.get());
  agent::AgentConfig config;
  config.gate = settings_.gate;
  config.software = fmt::format("postern-dataplane {}", kVersion);
  config.control = "unix:" + settings_.control_socket;
  if (!settings_.remote_control.empty()) {
    config.control = "dns:///" + settings_.remote_control;
    config.remote = {.files = settings_.control_files,
                     .server_name = settings_.control_server_name};
  }
  config.verdicts.directory = settings_.state_directory;
  config.events.capacity = settings_.event_spool;
  auto agent = agent::Agent::create(
      config, *verdicts_, queues,
      [this](channel::v1::DataPlaneStatus& status) {
        fill_status(settings_, *gate_, *signatures_, started_unix_s_, status);
        status.set_signature_set_pushed(intake_->is_pushed());
      },
      [this](const channel::v1::ToDataPlane& message) { intake_->receive(message); });
  if (!agent) return std::unexpected(agent.error());
  agent_ = std::move(*agent);
  return {};
}

std::expected<void, std::string> DataPlane::make_intake() {
  auto intake = SignatureIntake::create({.configured = settings_.signature_set,
                                         .folder = settings_.state_directory / "signatures",
                                         .trust = settings_.trust,
                                         .shadows = settings_.pipeline.shadow_messages > 0},
                                        *signatures_, [this](channel::v1::FromDataPlane message) {
                                          agent_->send(std::move(message));
                                        });
  if (!intake) return std::unexpected(intake.error());
  intake_ = std::move(*intake);
  return {};
}

void DataPlane::announce(const SignatureHandover::Sets& sets, uint64_t generation) {
  agent::SignatureNames names{.generation = generation};
  const auto name_rules = [](const scan::SignatureSet& set, std::vector<std::string>& rules) {
    for (uint32_t rule = 0; rule < set.rule_count(); ++rule)
      rules.emplace_back(set.rule_name(rule));
  };
  if (sets.set != nullptr) {
    names.digest = sets.set->digest();
    names.name = sets.set->name();
    name_rules(*sets.set, names.rule_names);
  }
  if (sets.shadow != nullptr) {
    names.shadow_digest = sets.shadow->digest();
    name_rules(*sets.shadow, names.shadow_rule_names);
  }
  agent_->signature_set_in_force(std::move(names));
}

std::expected<void, std::string> DataPlane::launch() {
  if (auto started = agent_->start(); !started) return std::unexpected(started.error());
  intake_->take_up();
  if (signatures_->in_force().set == nullptr) {
    spdlog::warn("there is no signature set: messages are {} (fail.no_signature_set)",
                 settings_.pipeline.without_signature_set == worker::FailMode::kOpen
                     ? "forwarded unscanned"
                     : "deferred");
  }
  for (const ports::Device& device : settings_.devices)
    if (const auto warning = ports::warn_of_merging(device)) spdlog::warn(*warning);
  if (auto launched = gate_->launch(); !launched) return std::unexpected(launched.error());
  intake_->start();
  register_telemetry(gate_.get(), [agent = agent_.get()] {
    const uint64_t version = agent->verdicts_in_force().number;
    const std::string away = agent->away_because();
    if (!away.empty())
      return fmt::format("away, and verdicts of version {} stay in force: {}", version, away);
    return fmt::format("{}; verdicts of version {} are in force",
                       agent->attached() ? "it answers" : "it is being dialled", version);
  });
  spdlog::info("gate {} is up: {}", settings_.gate, gate_->describe_distribution());
  return {};
}

void DataPlane::serve(const sigset_t& signals) {
  for (;;) {
    gate_->tick([](const std::string& line) { spdlog::info(line); });
    const timespec second{.tv_sec = 1, .tv_nsec = 0};
    const int signal = sigtimedwait(&signals, nullptr, &second);
    if (signal == SIGTERM || signal == SIGINT) return;
    if (signal == SIGHUP) intake_->reload_configured();
  }
}

void DataPlane::stop() {
  spdlog::info("stopping");
  register_telemetry(nullptr);
  // The intake speaks to workers, so it goes before them; they go before the agent: what they
  // report of the flows they leave is handed over by the agent.
  intake_->stop();
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
