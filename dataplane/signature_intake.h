// Which signature sets this data plane scans with, and how they come to it.
//
// Theory of operation. One thread of its own does everything slow: it asks control for the pieces
// of a set (one at a time, so that nothing queues), writes them (signature_files.h), checks the
// signature, deserialises and prepares, hands over to the workers (signature_handover.h), and frees
// what was replaced. An order from control names the set to scan with and perhaps a shadow set;
// it is answered once both are in force, or refused with the reason, and then nothing has changed.
//
// Who wins: a set that control ordered goes before the file of the configuration (signatures.set)
// until an order names none (`postern signatures unload`). What was last in force by order is on
// disk, so it is in force after a restart too, whether control lives or not.
#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <variant>

#include "control/channel/channel.pb.h"
#include "dataplane/signature_files.h"
#include "dataplane/signature_handover.h"
#include "patterns/artefact/artefact.h"

namespace postern {

class SignatureIntake {
 public:
  struct Config {
    std::filesystem::path configured;  // signatures.set; empty: none
    std::filesystem::path folder;      // of SignatureFiles
    artefact::TrustPolicy trust;
    bool shadows = true;  // limits.shadow_messages is not 0
  };
  using Send = std::function<void(channel::v1::FromDataPlane)>;

  // `handover` outlives it; from take_up() on it is this object's thread's.
  static std::expected<std::unique_ptr<SignatureIntake>, std::string> create(
      const Config& config, SignatureHandover& handover, Send send);
  ~SignatureIntake();  // as stop()

  // Before the workers begin: puts in force what was in force last, else the configured set. What
  // cannot be is logged.
  void take_up();
  // Once the workers run. From now on orders are followed.
  void start();
  // Before the workers end.
  void stop();

  // Any thread, at once.
  void receive(const channel::v1::ToDataPlane& message);
  void reload_configured();  // SIGHUP
  bool is_pushed() const { return pushed_.load(); }

 private:
  struct Reload {};
  using Task = std::variant<Reload, channel::v1::SignatureOrder, channel::v1::SignatureChunk>;
  // More wait only when control does not do as it is asked.
  static constexpr size_t kMostTasks = 64;

  SignatureIntake(const Config& config, SignatureFiles files, SignatureHandover& handover,
                  Send send)
      : config_(config), files_(std::move(files)), handover_(handover), send_(std::move(send)) {}
  void push(Task task);
  void run();
  void work(Reload);
  void work(const channel::v1::SignatureOrder& order);
  void work(const channel::v1::SignatureChunk& chunk);
  // Asks for what is missing of the order, or puts it in force.
  void pursue();
  void request();
  void answer(bool in_force, const std::string& reason);

  using Loaded = std::expected<SignatureHandover::Set, std::string>;
  std::expected<void, std::string> put_in_force(const WantedSignatures& wanted, bool read_again);
  Loaded load_configured();
  Loaded load_pushed(const SignatureFile& file);
  Loaded judge(std::expected<std::shared_ptr<const artefact::MappedFile>, std::string> mapping,
               const std::string& path, const std::string& name);
  void log_in_force() const;

  const Config config_;
  SignatureFiles files_;
  SignatureHandover& handover_;
  const Send send_;

  WantedSignatures in_force_;               // what handover_.in_force() came from
  std::optional<WantedSignatures> wanted_;  // the order that is being pursued
  uint64_t order_number_ = 0;
  uint64_t load_ms_ = 0;
  std::atomic<bool> pushed_{false};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace postern
