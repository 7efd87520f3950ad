// The data plane's side of the verdict channel.
//
// Theory of operation. Nothing here runs on a worker. Four threads, which mostly sleep:
//   drain    empties the workers' event queues every few milliseconds into the spool;
//   channel  dials control, says hello, reads, and puts verdicts in force as they come;
//   sender   for each connection: acknowledgements, event batches, a status each second;
//   file     writes the verdicts to disk (verdict_file.h).
// Control on another machine is spoken to with mutual TLS (RemoteControl).
// When control is gone the channel thread tries again, less and less often up to a bound; the
// workers go on with the verdicts in the table, and events wait in the spool.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/tls_files.h"
#include "control/channel/channel.grpc.pb.h"
#include "dataplane/agent/event_queue.h"
#include "dataplane/agent/event_spool.h"
#include "dataplane/agent/verdict_intake.h"
#include "dataplane/agent/wire.h"

namespace postern::agent {

// A control process on another machine. The files are read for each connection, so that renewed
// ones are taken up.
struct RemoteControl {
  TlsFiles files = {};
  std::string server_name = {};  // whom its certificate must name; empty: the host of the target
  // When nothing has come for so long, it is asked, and given up when it does not answer.
  std::chrono::milliseconds keepalive_after{10'000};
  std::chrono::milliseconds keepalive_patience{5'000};
};

struct AgentConfig {
  std::string gate;      // this data plane's name, unique among those of one control
  std::string software;  // "postern-dataplane 0.1.0"
  std::string control = "unix:/run/postern/control.sock";  // a gRPC target
  std::optional<RemoteControl> remote = {};                // nothing: without TLS
  VerdictFileConfig verdicts{.directory = "/var/lib/postern"};
  EventSpoolConfig events;
  std::chrono::milliseconds drain_every{5};
  std::chrono::milliseconds status_every{1000};
  std::chrono::milliseconds first_retry{50};
  std::chrono::milliseconds longest_retry{2000};
  std::chrono::milliseconds farewell{1000};  // stop() waits so long for the last events to be taken
};

class Agent {
 public:
  // Fills in what the agent does not know: started, allocator, signature set, threshold, workers,
  // ports, and in events_lost what the workers lost (the agent adds its own). On the sender's
  // thread.
  using FillStatus = std::function<void(channel::v1::DataPlaneStatus&)>;
  // Takes orders and pieces of signature sets, at once. On the channel's thread.
  using TakeSignatures = std::function<void(const channel::v1::ToDataPlane&)>;

  // `table` and `queues` outlive the agent, which is the table's one writer. The error says what
  // to do.
  static std::expected<std::unique_ptr<Agent>, std::string> create(
      const AgentConfig& config, verdict::VerdictTable& table, std::vector<EventQueue*> queues,
      FillStatus fill_status, TakeSignatures take_signatures = {});
  ~Agent();  // as stop()
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Puts the verdicts on disk in force, before anything else, so call it before the workers begin;
  // then starts the threads.
  std::expected<void, std::string> start();
  // Hands over what events there are, writes what verdicts there are, ends the threads.
  void stop();

  // Any thread, before a worker reports the first event of that generation.
  void signature_set_in_force(SignatureNames names);

  // Any thread. Lost when control is away; it will ask again.
  void send(channel::v1::FromDataPlane message) { post(std::move(message)); }

  bool attached() const { return attached_.load(); }  // control answers
  // Why control is away, as it was logged; empty: it answers, or was not asked yet. Any thread.
  std::string away_because() const;
  VerdictIntake::Version verdicts_in_force() const { return intake_->in_force(); }
  uint64_t events_spooled() const { return spool_.spooled(); }
  uint64_t events_lost() const { return spool_.lost(); }

 private:
  using Stream = grpc::ClientReaderWriter<channel::v1::FromDataPlane, channel::v1::ToDataPlane>;
  static constexpr size_t kGenerationsKept = 8;

  Agent(const AgentConfig& config, verdict::VerdictTable& table, std::vector<EventQueue*> queues,
        FillStatus fill_status, TakeSignatures take_signatures);
  void run_drain();
  void drain();
  void run_channel();
  bool converse();
  bool read_identity();
  void note_away(const std::string& why, bool heard);
  void receive(const channel::v1::ToDataPlane& message);
  void run_sender(Stream& stream);
  bool send_due(Stream& stream);
  void post(channel::v1::FromDataPlane message);
  void wake_sender();
  channel::v1::FromDataPlane status() const;

  const AgentConfig config_;
  verdict::VerdictTable& table_;
  const std::vector<EventQueue*> queues_;
  const FillStatus fill_status_;
  const TakeSignatures take_signatures_;
  EventSpool spool_;
  std::unique_ptr<VerdictIntake> intake_;
  std::atomic<bool> attached_{false};

  std::mutex names_mutex_;
  std::map<uint64_t, std::shared_ptr<const SignatureNames>> names_;  // by generation

  mutable std::mutex mutex_;
  std::condition_variable changed_;      // any of the below
  bool stopping_ = false;                // no more draining; what is spooled is sent at once
  bool ending_ = false;                  // nor talking
  bool hung_up_ = false;                 // this connection is over
  bool wake_ = false;                    // the sender has something to look at
  std::optional<TlsIdentity> identity_;  // the channel thread's; control is remote
  std::string files_trouble_;            // logged; the channel thread's
  std::string away_because_;             // logged
  std::vector<channel::v1::FromDataPlane> outbox_;
  grpc::ClientContext* context_ = nullptr;  // of the connection or attempt, to cancel it

  std::thread drain_thread_, channel_thread_;
};

}  // namespace postern::agent
