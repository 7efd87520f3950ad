#include "control/server/gates.h"

#include <algorithm>

#include "control/server/clock.h"

namespace postern::server {
bool Gates::attach(const channel::v1::Hello& hello, GateStream* stream) {
  const std::lock_guard guard(mutex_);
  if (gates_.size() >= kRemembered && !gates_.contains(hello.gate())) forget_one_detached();
  Gate& gate = gates_[hello.gate()];
  const bool replaces = gate.stream != nullptr;
  if (replaces) gate.stream->end();
  gate.stream = stream;
  gate.known.set_gate(hello.gate());
  gate.known.set_attached(true);
  gate.known.set_attached_unix_s(unix_ms() / 1000);
  gate.known.set_seen_unix_ms(unix_ms());
  gate.known.clear_refused();
  gate.known.clear_signature_order();
  gate.known.clear_signatures_refused();
  // What it holds on its disk is in force there.
  gate.known.set_acknowledged_version(hello.epoch() == epoch_ ? hello.version() : 0);
  return replaces;
}

void Gates::forget_one_detached() {
  const auto is_older = [](const auto& a, const auto& b) {
    if ((a.second.stream == nullptr) != (b.second.stream == nullptr))
      return a.second.stream == nullptr;
    return a.second.known.seen_unix_ms() < b.second.known.seen_unix_ms();
  };
  const auto oldest = std::ranges::min_element(gates_, is_older);
  if (oldest != gates_.end() && oldest->second.stream == nullptr) gates_.erase(oldest);
}

void Gates::detach(const std::string& name, GateStream* stream) {
  const std::lock_guard guard(mutex_);
  const auto gate = gates_.find(name);
  if (gate == gates_.end() || gate->second.stream != stream) return;
  gate->second.stream = nullptr;
  gate->second.known.set_attached(false);
  acknowledged_.notify_all();  // one fewer to wait for
}

Gates::Gate* Gates::heard(const std::string& name, GateStream* stream) {
  const auto gate = gates_.find(name);
  if (gate == gates_.end() || gate->second.stream != stream) return nullptr;
  gate->second.known.set_seen_unix_ms(unix_ms());
  return &gate->second;
}

void Gates::acknowledged(const std::string& name, GateStream* stream, const channel::v1::Ack& ack) {
  const std::lock_guard guard(mutex_);
  Gate* gate = heard(name, stream);
  if (gate == nullptr || ack.epoch() != epoch_) return;
  gate->known.set_acknowledged_version(ack.version());
  gate->known.clear_refused();
  acknowledged_.notify_all();
}

void Gates::refused(const std::string& name, GateStream* stream, const channel::v1::Nack& nack) {
  const std::lock_guard guard(mutex_);
  if (Gate* gate = heard(name, stream)) {
    gate->known.set_refused(nack.reason().empty() ? "without a reason" : nack.reason());
  }
}

void Gates::reported(const std::string& name, GateStream* stream,
                     const channel::v1::DataPlaneStatus& status) {
  const std::lock_guard guard(mutex_);
  if (Gate* gate = heard(name, stream)) *gate->known.mutable_status() = status;
}

void Gates::answered(const std::string& name, GateStream* stream,
                     const channel::v1::SignatureAnswer& answer) {
  const std::lock_guard guard(mutex_);
  Gate* gate = heard(name, stream);
  if (gate == nullptr) return;
  gate->known.set_signature_order(answer.number());
  gate->known.set_signature_load_ms(answer.load_ms());
  gate->known.clear_signatures_refused();
  if (!answer.in_force())
    gate->known.set_signatures_refused(answer.reason().empty() ? "without a reason"
                                                               : answer.reason());
  acknowledged_.notify_all();
}

std::vector<channel::v1::SignatureGateAnswer> Gates::wait_for_signatures(
    uint64_t number, const std::vector<std::string>& gates, std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  std::vector<channel::v1::SignatureGateAnswer> now;
  acknowledged_.wait_for(lock, patience, [&] {
    now.clear();
    bool all = true;
    for (const auto& [name, gate] : gates_) {
      if (gate.stream == nullptr ||
          (!gates.empty() && std::ranges::find(gates, name) == gates.end()))
        continue;
      auto& answer = now.emplace_back();
      answer.set_gate(name);
      if (gate.known.signature_order() < number) {
        all = false;
        continue;
      }
      answer.set_in_force(gate.known.signatures_refused().empty());
      answer.set_refused(gate.known.signatures_refused());
      answer.set_load_ms(gate.known.signature_load_ms());
    }
    return all;
  });
  return now;
}

void Gates::announce() {
  const std::lock_guard guard(mutex_);
  for (auto& [name, gate] : gates_) {
    if (gate.stream != nullptr) gate.stream->wake();
  }
}

Gates::InForce Gates::wait_until_in_force(uint64_t version, std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  InForce now;
  acknowledged_.wait_for(lock, patience, [&] {
    now = {};
    for (const auto& [name, gate] : gates_) {
      if (gate.stream == nullptr) continue;
      ++now.attached;
      if (gate.known.acknowledged_version() >= version) ++now.in_force;
    }
    return now.in_force == now.attached;
  });
  return now;
}

std::vector<channel::v1::AttachedDataPlane> Gates::list() const {
  std::vector<channel::v1::AttachedDataPlane> all;
  const std::lock_guard guard(mutex_);
  for (const auto& [name, gate] : gates_) all.push_back(gate.known);
  std::ranges::stable_partition(all, [](const auto& gate) { return gate.attached(); });
  return all;
}

}  // namespace postern::server
