#include "control/server/verdict_channel.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <thread>
#include <utility>
#include <vector>

#include "control/server/clock.h"
#include "control/server/remote_gates.h"

namespace postern::server {
namespace {

using channel::v1::FromDataPlane;
using channel::v1::ToDataPlane;
using Stream = grpc::ServerReaderWriter<ToDataPlane, FromDataPlane>;

constexpr uint32_t kSchema = 1;

// The sending half of a stream, with its thread.
class Writer final : public GateStream {
 public:
  Writer(grpc::ServerContext* context, Stream* stream, VerdictFeed feed, std::string gate,
         SignatureStore& signatures)
      : context_(context),
        stream_(stream),
        feed_(std::move(feed)),
        gate_(std::move(gate)),
        signatures_(signatures) {}
  ~Writer() override {
    {
      const std::lock_guard guard(mutex_);
      stopped_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
  }
  void start() {
    thread_ = std::thread([this] { run(); });
  }

  void wake() override {
    {
      const std::lock_guard guard(mutex_);
      woken_ = true;
    }
    changed_.notify_one();
  }
  void end() override { context_->TryCancel(); }

  // From the reader: an answer to an update, or an acknowledgement of events to be sent.
  void pass(FromDataPlane answer) { pass_into(answers_, std::move(answer)); }
  void pass(ToDataPlane message) { pass_into(due_, std::move(message)); }

 private:
  // Waits while much is queued: a data plane that sends without reading feels it.
  template <typename Message>
  void pass_into(std::vector<Message>& queue, Message message) {
    {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [&] { return stopped_ || queue.size() < kMostQueued; });
      queue.push_back(std::move(message));
    }
    changed_.notify_one();
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (!stopped_) {
      woken_ = false;
      const auto answers = std::exchange(answers_, {});
      const auto due = std::exchange(due_, {});
      room_.notify_one();
      lock.unlock();
      for (const FromDataPlane& answer : answers) {
        if (answer.has_ack()) feed_.acknowledged(answer.ack());
        if (answer.has_nack()) feed_.refused();
      }
      bool alive = send_signature_order();
      // A piece at a time: verdicts do not wait for a set.
      for (const FromDataPlane& request : answers) {
        if (request.has_signature_request())
          alive = alive && send_piece(request.signature_request());
      }
      for (const ToDataPlane& message : due) alive = alive && stream_->Write(message);
      const auto ready_at = feed_.ready_at();
      const bool ready = ready_at && *ready_at <= std::chrono::steady_clock::now();
      if (ready) alive = alive && send_update();
      lock.lock();
      if (!alive) break;
      if (!ready) rest(lock, ready_at);
    }
    stopped_ = true;
    room_.notify_one();
  }

  void rest(std::unique_lock<std::mutex>& lock, std::optional<VerdictFeed::Time> until) {
    const auto something = [this] {
      return stopped_ || woken_ || !answers_.empty() || !due_.empty();
    };
    if (until) {
      changed_.wait_until(lock, *until, something);
    } else {
      changed_.wait(lock, something);
    }
  }

  // False: the stream is over.
  bool send_signature_order() {
    auto order = signatures_.order_for(gate_);
    if (order.number() == signature_order_) return true;
    signature_order_ = order.number();
    ToDataPlane message;
    *message.mutable_signature_order() = std::move(order);
    return stream_->Write(message);
  }

  bool send_piece(const channel::v1::SignatureRequest& request) {
    ToDataPlane message;
    *message.mutable_signature_chunk() = signatures_.piece(request);
    return stream_->Write(message);
  }

  bool send_update() {
    const auto message = feed_.next(std::chrono::steady_clock::now());
    if (message) return stream_->Write(*message);
    spdlog::error("verdicts cannot be sent: {}", message.error());
    context_->TryCancel();
    return false;
  }

  static constexpr size_t kMostQueued = 1024;

  grpc::ServerContext* context_;
  Stream* stream_;
  VerdictFeed feed_;  // the thread's own
  const std::string gate_;
  SignatureStore& signatures_;
  uint64_t signature_order_ = 0;  // sent last
  std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable room_;  // in the queues
  bool stopped_ = false;
  bool woken_ = false;
  std::vector<FromDataPlane> answers_;
  std::vector<ToDataPlane> due_;
  std::thread thread_;
};

// What a data plane's first message must be. Ok, or what is wrong with it.
grpc::Status check_hello(const FromDataPlane& message) {
  if (!message.has_hello()) {
    return {grpc::StatusCode::FAILED_PRECONDITION, "the first message of a stream must be Hello"};
  }
  if (message.hello().schema() != kSchema) {
    return {grpc::StatusCode::FAILED_PRECONDITION,
            fmt::format("this control process speaks schema {} of the verdict channel, the data "
                        "plane {}: install the "
                        "same version of both",
                        kSchema, message.hello().schema())};
  }
  if (message.hello().gate().empty()) {
    return {grpc::StatusCode::INVALID_ARGUMENT, "Hello must name the gate"};
  }
  return grpc::Status::OK;
}

}  // namespace

grpc::Status VerdictChannel::Attach(grpc::ServerContext* context, Stream* stream) {
  FromDataPlane message;
  if (!stream->Read(&message)) return grpc::Status::OK;
  if (const grpc::Status status = check_hello(message); !status.ok()) {
    spdlog::error("a data plane was turned away: {}", status.error_message());
    return status;
  }
  const channel::v1::Hello hello = message.hello();
  const std::string& gate = hello.gate();
  if (remote_) {
    const std::string why =
        obstacle(certified_names(*context->auth_context()), remote_->allowed, gate);
    if (!why.empty()) {
      spdlog::error("a data plane at {} was turned away: {}", context->peer(), why);
      return {grpc::StatusCode::PERMISSION_DENIED, why};
    }
  }
  spdlog::info("gate {} attached: software {}, holds version {}", gate, hello.software(),
               hello.version());

  VerdictFeed feed(ledger_, limits_);
  feed.hello(hello);
  Writer writer(context, stream, std::move(feed), gate, signatures_);
  if (gates_.attach(hello, &writer)) {
    spdlog::warn(
        "gate {} was attached already: the earlier stream is ended. Should two data planes have "
        "the same "
        "name, give them different ones",
        gate);
  }
  writer.start();  // only now: nobody shall hold a version of ours whom the gates do not know

  grpc::Status status = grpc::Status::OK;
  while (status.ok() && stream->Read(&message)) {
    if (message.has_ack()) {
      gates_.acknowledged(gate, &writer, message.ack());
      writer.pass(message);
    } else if (message.has_nack()) {
      spdlog::warn("gate {} refused an update and holds version {}: {}", gate,
                   message.nack().held_version(), message.nack().reason());
      gates_.refused(gate, &writer, message.nack());
      writer.pass(message);
    } else if (message.has_signature_request()) {
      writer.pass(message);
    } else if (message.has_signature_answer()) {
      const auto& answer = message.signature_answer();
      if (answer.in_force())
        spdlog::info("gate {} has signature order {} in force", gate, answer.number());
      else
        spdlog::warn("gate {} refused signature order {}: {}", gate, answer.number(),
                     answer.reason());
      gates_.answered(gate, &writer, answer);
    } else if (message.has_status()) {
      gates_.reported(gate, &writer, message.status());
    } else if (message.has_events()) {
      const auto stored = ledger_.store_events(gate, message.events(), unix_s());
      if (!stored) {
        // Not acknowledged: the data plane keeps the batch and sends it again when it has
        // reattached.
        spdlog::error("events of gate {} cannot be kept: {}", gate, stored.error());
        status = {grpc::StatusCode::RESOURCE_EXHAUSTED, stored.error()};
      } else {
        if (*stored) observer_(message.events());
        ToDataPlane acknowledgement;
        acknowledgement.mutable_events_ack()->set_batch(message.events().batch());
        writer.pass(std::move(acknowledgement));
      }
    }
  }
  gates_.detach(gate, &writer);
  spdlog::info("gate {} went away", gate);
  return status;
}

}  // namespace postern::server
