#include "dataplane/agent/agent.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <ctime>
#include <random>
#include <utility>

namespace postern::agent {
namespace {

using channel::v1::FromDataPlane;
using channel::v1::ToDataPlane;
using Clock = std::chrono::steady_clock;

constexpr uint32_t kSchema = 1;
constexpr int kMessageBytes = 64 << 20;
constexpr uint32_t kEventsAtOnce = 256;  // of one queue, before the next queue has its turn

std::string new_boot() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

// What a channel to another machine needs, and one to a socket does not: a machine that is gone
// says nothing, neither when it is dialled nor afterwards.
void expect_silence(const RemoteControl& remote, grpc::ChannelArguments& arguments) {
  const auto milliseconds = [](std::chrono::milliseconds time) {
    return static_cast<int>(time.count());
  };
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds(remote.keepalive_after));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, milliseconds(remote.keepalive_patience));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // gRPC gives a connection no less time than this to come about.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, milliseconds(remote.keepalive_patience));
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
}

// Our own waiting between attempts is the only one: gRPC's would add to it. `identity` is there
// when control is remote.
std::shared_ptr<grpc::Channel> dial(const AgentConfig& config,
                                    const std::optional<TlsIdentity>& identity) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(kMessageBytes);
  if (!identity)
    return grpc::CreateCustomChannel(config.control, grpc::InsecureChannelCredentials(), arguments);
  expect_silence(*config.remote, arguments);
  if (!config.remote->server_name.empty())
    arguments.SetSslTargetNameOverride(config.remote->server_name);
  return grpc::CreateCustomChannel(config.control,
                                   grpc::SslCredentials({.pem_root_certs = identity->authorities,
                                                         .pem_private_key = identity->key,
                                                         .pem_cert_chain = identity->certificate}),
                                   arguments);
}

// Why a connection ended, or did not come about, for the log. OpenSSL says little of a certificate
// that we did not like; and a client whose certificate is not liked sees with TLS 1.3 only that the
// connection ends before anything was said.
std::string reason(const grpc::Status& end, const std::optional<TlsIdentity>& identity,
                   bool heard) {
  std::string why = end.error_message();
  if (!identity || heard || end.error_code() != grpc::StatusCode::UNAVAILABLE) return why;
  if (why.contains("certificate verify failed")) {
    return why +
           ": its certificate is of no authority in control.ca, or not for a server, or has "
           "expired";
  }
  if (why.contains("Peer name") || why.contains("Connection refused")) return why;
  if (identity->expires_unix_s < std::time(nullptr))
    return why + ": our certificate has expired: make a new one";
  return why +
         ": if it is reachable, see its log: it may not know the authority of our certificate";
}

}  // namespace

Agent::Agent(const AgentConfig& config, verdict::VerdictTable& table,
             std::vector<EventQueue*> queues, FillStatus fill_status,
             TakeSignatures take_signatures)
    : config_(config),
      table_(table),
      queues_(std::move(queues)),
      fill_status_(std::move(fill_status)),
      take_signatures_(std::move(take_signatures)),
      spool_(config.events, new_boot()) {}

Agent::~Agent() { stop(); }

std::expected<std::unique_ptr<Agent>, std::string> Agent::create(const AgentConfig& config,
                                                                 verdict::VerdictTable& table,
                                                                 std::vector<EventQueue*> queues,
                                                                 FillStatus fill_status,
                                                                 TakeSignatures take_signatures) {
  if (config.gate.empty())
    return std::unexpected("the data plane needs a name: configure its gate");
  std::unique_ptr<Agent> agent(new Agent(config, table, std::move(queues), std::move(fill_status),
                                         std::move(take_signatures)));
  auto intake = VerdictIntake::create(
      config.verdicts, table,
      [self = agent.get()](FromDataPlane message) { self->post(std::move(message)); });
  if (!intake) return std::unexpected(std::move(intake.error()));
  agent->intake_ = std::move(*intake);
  return agent;
}

std::expected<void, std::string> Agent::start() {
  if (auto done = intake_->start(); !done) return done;
  drain_thread_ = std::thread([this] { run_drain(); });
  channel_thread_ = std::thread([this] { run_channel(); });
  return {};
}

void Agent::stop() {
  if (!channel_thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = wake_ = true;
  }
  changed_.notify_all();
  drain_thread_.join();
  drain();
  {
    std::unique_lock lock(mutex_);
    wake_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, config_.farewell,
                      [this] { return spool_.spooled() == 0 || context_ == nullptr; });
    ending_ = true;
    if (context_ != nullptr) context_->TryCancel();
  }
  changed_.notify_all();
  channel_thread_.join();
  intake_->stop();
  if (const uint64_t left = spool_.spooled(); left > 0) {
    spdlog::warn("{} events are lost: control did not take them before we ended", left);
  }
}

void Agent::signature_set_in_force(SignatureNames names) {
  const std::lock_guard lock(names_mutex_);
  const uint64_t generation = names.generation;
  names_[generation] = std::make_shared<const SignatureNames>(std::move(names));
  while (names_.size() > kGenerationsKept) names_.erase(names_.begin());
}

void Agent::run_drain() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    drain();
    lock.lock();
    changed_.wait_for(lock, config_.drain_every, [this] { return stopping_; });
  }
}

void Agent::drain() {
  uint32_t drained;
  do {
    bool due = false;
    drained = 0;
    for (EventQueue* queue : queues_) {
      drained += queue->drain(
          [&](const worker::Event& event) {
            std::shared_ptr<const SignatureNames> names;
            {
              const std::lock_guard lock(names_mutex_);
              const auto at = names_.find(event.set_generation);
              if (at != names_.end()) names = at->second;
            }
            due |= spool_.add(to_wire(event, names.get()), Clock::now()).due_changed;
          },
          kEventsAtOnce);
    }
    if (due) wake_sender();
  } while (drained > 0);
}

void Agent::run_channel() {
  auto retry = config_.first_retry;
  std::unique_lock lock(mutex_);
  while (!ending_) {
    lock.unlock();
    const bool heard = converse();
    if (heard) retry = config_.first_retry;
    lock.lock();
    if (ending_) return;
    changed_.wait_for(lock, retry, [this] { return ending_; });
    retry = std::min(retry * 2, config_.longest_retry);
  }
}

// Renewed files are taken up; broken ones leave what was read before. False: there is nothing.
bool Agent::read_identity() {
  auto read = read_tls_files(
      config_.remote->files,
      {.certificate = "control.certificate", .key = "control.key", .authorities = "control.ca"});
  if (read) {
    identity_ = std::move(*read);
    files_trouble_.clear();
    return true;
  }
  if (!identity_) {
    note_away(read.error(), false);
    return false;
  }
  if (files_trouble_ != read.error()) {
    files_trouble_ = read.error();
    spdlog::error("{}; the certificate that was read before is still shown", files_trouble_);
  }
  return true;
}

// One connection, from its hello to its end. True: control was there and spoke.
bool Agent::converse() {
  if (config_.remote && !read_identity()) return false;
  const auto stub = channel::v1::VerdictChannel::NewStub(dial(config_, identity_));
  grpc::ClientContext context;
  {
    const std::lock_guard lock(mutex_);
    if (ending_) return false;
    context_ = &context;
    hung_up_ = false;
    outbox_.clear();  // hello says what is held
  }
  const auto stream = stub->Attach(&context);
  intake_->connected();
  spool_.send_all_again();
  const VerdictIntake::Version held = intake_->in_force();
  FromDataPlane hello;
  hello.mutable_hello()->set_schema(kSchema);
  hello.mutable_hello()->set_gate(config_.gate);
  hello.mutable_hello()->set_software(config_.software);
  hello.mutable_hello()->set_epoch(held.epoch);
  hello.mutable_hello()->set_version(held.number);

  attached_ = stream->Write(hello);  // it waits for the connection, or for its failure
  std::thread sender;
  if (attached_) sender = std::thread([&] { run_sender(*stream); });
  bool heard = false;
  // Read to the end in any case: Finish() would wait for a message that nobody takes.
  for (ToDataPlane message; stream->Read(&message);) {
    if (!std::exchange(heard, true)) {
      spdlog::info("control at {} answers", config_.control);
      const std::lock_guard lock(mutex_);
      away_because_.clear();
    }
    receive(message);
  }
  {
    const std::lock_guard lock(mutex_);
    hung_up_ = true;
  }
  changed_.notify_all();
  if (sender.joinable()) sender.join();
  const grpc::Status end = stream->Finish();
  attached_ = false;
  bool our_end;
  {
    const std::lock_guard lock(mutex_);
    context_ = nullptr;
    our_end = ending_;
  }
  changed_.notify_all();
  if (!our_end) note_away(reason(end, identity_, heard), heard);
  return heard;
}

// Logged once for each reason: attempts come every few seconds.
void Agent::note_away(const std::string& why, bool heard) {
  {
    const std::lock_guard lock(mutex_);
    const std::string shown = why.empty() ? "it ended the connection" : why;
    if (!heard && away_because_ == shown) return;
    away_because_ = shown;
  }
  changed_.notify_all();
  spdlog::warn("control at {} is away ({}): enforcing version {} of the verdicts, spooling events",
               config_.control, why, intake_->in_force().number);
}

std::string Agent::away_because() const {
  const std::lock_guard lock(mutex_);
  return away_because_;
}

void Agent::receive(const ToDataPlane& message) {
  switch (message.message_case()) {
    case ToDataPlane::kSnapshot:
      return intake_->receive(message.snapshot());
    case ToDataPlane::kDelta:
      return intake_->receive(message.delta());
    case ToDataPlane::kEventsAck:
      spool_.acknowledge(message.events_ack().batch());
      return wake_sender();  // there may be room for the next batch
    case ToDataPlane::kSignatureOrder:
    case ToDataPlane::kSignatureChunk:
      if (take_signatures_) take_signatures_(message);
      return;
    case ToDataPlane::MESSAGE_NOT_SET:
      return;  // of a newer schema
  }
}

void Agent::post(FromDataPlane message) {
  {
    const std::lock_guard lock(mutex_);
    outbox_.push_back(std::move(message));
  }
  changed_.notify_all();
}

void Agent::wake_sender() {
  {
    const std::lock_guard lock(mutex_);
    wake_ = true;
  }
  changed_.notify_all();
}

void Agent::run_sender(Stream& stream) {
  Clock::time_point next_status = Clock::now();
  std::unique_lock lock(mutex_);
  while (!hung_up_) {
    wake_ = false;
    lock.unlock();
    bool alive = send_due(stream);
    if (alive && Clock::now() >= next_status) {
      alive = stream.Write(status());
      next_status = Clock::now() + config_.status_every;
    }
    lock.lock();
    if (!alive) {
      // The reader sees the end too, and ends us.
      if (context_ != nullptr) context_->TryCancel();
      return;
    }
    changed_.wait_until(lock, std::min(next_status, spool_.due()),
                        [this] { return hung_up_ || wake_ || !outbox_.empty(); });
  }
}

// False: the connection is over.
bool Agent::send_due(Stream& stream) {
  std::vector<FromDataPlane> messages;
  bool hurry;
  {
    const std::lock_guard lock(mutex_);
    messages = std::exchange(outbox_, {});
    hurry = stopping_;
  }
  for (const FromDataPlane& message : messages) {
    if (!stream.Write(message)) return false;
  }
  while (const auto batch = spool_.next(Clock::now(), hurry)) {
    if (!stream.Write(*batch)) return false;
  }
  return true;
}

FromDataPlane Agent::status() const {
  FromDataPlane message;
  channel::v1::DataPlaneStatus& status = *message.mutable_status();
  status.set_software(config_.software);
  if (fill_status_) fill_status_(status);
  const VerdictIntake::Version held = intake_->in_force();
  status.set_epoch(held.epoch);
  status.set_verdict_version(held.number);
  status.set_verdicts_held(table_.size() + table_.narrow_size());
  status.set_events_spooled(spool_.spooled());
  status.set_events_lost(status.events_lost() + spool_.lost());
  return message;
}

}  // namespace postern::agent
