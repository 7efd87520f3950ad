// The data planes that are attached, or were: who they are, what they said last, and what they have
// in force.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "control/channel/channel.pb.h"
#include "control/channel/operator.pb.h"

namespace postern::server {

// The stream of an attached data plane, as the gates see it. Both calls return at once.
class GateStream {
 public:
  virtual ~GateStream() = default;
  // The ledger has a new version.
  virtual void wake() = 0;
  // The stream is to end: a newer one of the same gate has come.
  virtual void end() = 0;
};

// Any thread.
class Gates {
 public:
  explicit Gates(std::string epoch) : epoch_(std::move(epoch)) {}

  // A stream begins. An earlier one of the same gate is ended: its data plane was restarted, or
  // lost the connection without our noticing. True: there was one.
  bool attach(const channel::v1::Hello& hello, GateStream* stream);
  // `stream` is forgotten; what its gate said last is kept for `postern status`.
  void detach(const std::string& gate, GateStream* stream);

  // What a gate's stream says. A stream that is no longer the gate's own is not listened to.
  void acknowledged(const std::string& gate, GateStream* stream, const channel::v1::Ack& ack);
  void refused(const std::string& gate, GateStream* stream, const channel::v1::Nack& nack);
  void reported(const std::string& gate, GateStream* stream,
                const channel::v1::DataPlaneStatus& status);

  void answered(const std::string& gate, GateStream* stream,
                const channel::v1::SignatureAnswer& answer);

  // Wakes every attached stream.
  void announce();

  struct InForce {
    uint32_t attached = 0;
    uint32_t in_force = 0;
  };
  // Waits until every attached data plane has acknowledged `version`, or the time is over.
  InForce wait_until_in_force(uint64_t version, std::chrono::milliseconds patience);

  // Waits until each of `gates` (empty: every attached one) has answered order `number` or a later
  // one, or has gone away, or the time is over. Those that it waited for.
  std::vector<channel::v1::SignatureGateAnswer> wait_for_signatures(
      uint64_t number, const std::vector<std::string>& gates, std::chrono::milliseconds patience);

  // Attached ones first, by name.
  std::vector<channel::v1::AttachedDataPlane> list() const;

 private:
  struct Gate {
    channel::v1::AttachedDataPlane known;
    GateStream* stream = nullptr;
  };
  // The gate, heard of now, when `stream` is its own; else null.
  Gate* heard(const std::string& gate, GateStream* stream);
  void forget_one_detached();

  static constexpr size_t kRemembered = 1024;

  const std::string epoch_;
  mutable std::mutex mutex_;
  std::condition_variable acknowledged_;
  std::map<std::string, Gate> gates_;
};

}  // namespace postern::server
