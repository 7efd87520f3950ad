// Probes of customers' mail servers, as people and programs ask for them
// (control/channel/probe.proto).
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "base/case_reference.h"
#include "control/channel/probe.grpc.pb.h"
#include "control/ledger/ledger.h"
#include "control/probe/probe.h"
#include "control/probe/settings.h"

namespace postern::server {

// Only addresses registered to a customer are probed. Every probe is two rows of the audit, "probe"
// before it begins and "probed" with what was found; the limits are counted from those rows, so
// they hold across restarts. Any thread.
class ProbeDesk final : public channel::v1::Prober::Service {
 public:
  // Notes in a case that its server is, or is not, an open relay
  // (cases::Restoration::note_probe).
  using Note = std::function<ledger::Result<void>(CaseReference, bool relay_is_open,
                                                  const std::string& text, uint64_t now_unix_s)>;
  using UnixTime = std::function<uint64_t()>;

  // `ledger` must outlive it. `ports`: which are looked at; the first is tried for relaying.
  ProbeDesk(ledger::Ledger& ledger, probe::Settings settings, Note note, UnixTime now = nullptr,
            std::vector<uint16_t> ports = {std::begin(probe::kMailPorts),
                                           std::end(probe::kMailPorts)});

  grpc::Status Probe(grpc::ServerContext*, const channel::v1::ProbeRequest* request,
                     channel::v1::ProbeReply* reply) override;

 private:
  struct Order {
    IpAddress address = {};
    bool relay = false, exposure = false;
    CaseReference reference = {};
    std::string author = {};
  };
  grpc::Status admit(const Order& order, std::string* customer);
  grpc::Status write_down(const Order& order, const std::string& action, const std::string& detail);
  grpc::Status note(const Order& order, const channel::v1::ProbeReply& reply);

  ledger::Ledger& ledger_;
  const probe::Settings settings_;
  const Note note_;
  const UnixTime now_;
  const std::vector<uint16_t> ports_;
  std::mutex mutex_;  // between counting and writing down
};

}  // namespace postern::server
