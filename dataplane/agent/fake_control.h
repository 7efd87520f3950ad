// For tests: a control process in this process, on a Unix socket or a port, that says what a test
// tells it to.
#pragma once

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "control/channel/channel.grpc.pb.h"

namespace postern::agent {

class FakeControl final : public channel::v1::VerdictChannel::Service {
 public:
  using FromDataPlane = channel::v1::FromDataPlane;
  using ToDataPlane = channel::v1::ToDataPlane;

  explicit FakeControl(const std::string& target, bool acknowledge_events = true,
                       const std::shared_ptr<grpc::ServerCredentials>& credentials =
                           grpc::InsecureServerCredentials())
      : acknowledge_events_(acknowledge_events) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(target, credentials, &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeControl() override { kill(); }

  int port() const { return port_; }  // of a target with one
  // Ends it as a death would: the stream breaks in the middle.
  void kill() {
    if (!server_) return;
    {
      const std::lock_guard lock(mutex_);
      if (context_ != nullptr) context_->TryCancel();
    }
    server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }

  // Sends on the stream that is open.
  bool send(const ToDataPlane& message) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return stream_ != nullptr; });
    return stream_ != nullptr && stream_->Write(message);
  }
  void acknowledge_events(bool yes) {
    const std::lock_guard lock(mutex_);
    acknowledge_events_ = yes;
  }

  // Waits until what was received satisfies `condition`; false when it does not for a long time.
  using Received = std::vector<FromDataPlane>;
  bool wait(const std::function<bool(const Received&)>& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return condition(received_); });
  }
  // The first received message that satisfies `condition`, from the one numbered `from` on.
  FromDataPlane first(const std::function<bool(const FromDataPlane&)>& condition, size_t from = 0) {
    FromDataPlane found;
    wait([&](const Received& all) {
      for (size_t i = from; i < all.size(); ++i) {
        if (condition(all[i])) return found = all[i], true;
      }
      return false;
    });
    return found;
  }
  size_t received() {
    const std::lock_guard lock(mutex_);
    return received_.size();
  }

  grpc::Status Attach(grpc::ServerContext* context,
                      grpc::ServerReaderWriter<ToDataPlane, FromDataPlane>* stream) override {
    {
      const std::lock_guard lock(mutex_);
      context_ = context;
      stream_ = stream;
    }
    changed_.notify_all();
    FromDataPlane message;
    while (stream->Read(&message)) {
      const std::lock_guard lock(mutex_);
      received_.push_back(message);
      if (message.has_events() && acknowledge_events_) {
        ToDataPlane answer;
        answer.mutable_events_ack()->set_batch(message.events().batch());
        stream->Write(answer);
      }
      changed_.notify_all();
    }
    const std::lock_guard lock(mutex_);
    if (stream_ == stream) stream_ = nullptr, context_ = nullptr;
    return grpc::Status::OK;
  }

 private:
  static constexpr auto kPatience = std::chrono::seconds(30);
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool acknowledge_events_;
  std::vector<FromDataPlane> received_;
  grpc::ServerContext* context_ = nullptr;
  grpc::ServerReaderWriter<ToDataPlane, FromDataPlane>* stream_ = nullptr;
};

}  // namespace postern::agent
