// The signature sets that operators gave to control, and which gate is to scan with which.
//
// Theory of operation. A folder beside the ledger holds the sets as SHA256.psig and an index. Every
// change of who has what is an *order* with the next number; a gate is told its order when it
// attaches and when there is a new one, and asks for the files that it lacks. So gates that were
// away when a set was loaded get it when they come back. The index is replaced whole after the
// files that it names are synced, so a killed process has either the order before or the new one.
//
// What all gates had is kept as well, the last kPast of it, for `postern signatures rollback`.
// Sets that nothing names any more are removed.
#pragma once

#include <deque>
#include <expected>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "control/channel/operator.pb.h"

namespace postern::server {

// Any thread. What has returned as done survives a killed process and a power cut.
class SignatureStore {
 public:
  static constexpr size_t kPast = 5;
  static constexpr size_t kRecent = 4;  // sets that were given and not ordered are kept so long
  static constexpr uint64_t kMostBytes = uint64_t{2} << 30;
  static constexpr size_t kPieceBytes = size_t{1} << 20;

  // Makes the folder when it is not there. The error says what to do.
  static std::expected<std::unique_ptr<SignatureStore>, std::string> open(
      const std::filesystem::path& folder);

  // Where an upload may write; each call names another file, on the folder's own file system.
  std::filesystem::path new_upload();
  // Takes an upload whose octets are synced. Refuses what is no undamaged set; signatures are for
  // the gates to judge.
  std::expected<channel::v1::StoredSignatures, std::string> take(
      const std::filesystem::path& upload, const std::string& name, const std::string& author);

  // A change of who has what. Empty digests: the configured set, no shadow set.
  struct Change {
    bool changes_set = false;
    bool changes_shadow = false;
    std::string set = {};
    std::string shadow = {};
    std::vector<std::string> gates = {};  // empty: all
    bool goes_back = false;               // what it replaces is no past to go back to
  };
  // Returns the new order's number.
  std::expected<uint64_t, std::string> order(const Change& change);
  // What all gates had before what they have; an error when there was nothing.
  std::expected<Change, std::string> rollback() const;
  // As before the last order(), under a number of its own.
  std::expected<uint64_t, std::string> withdraw();

  // Number 0: nobody has ordered anything for this gate.
  channel::v1::SignatureOrder order_for(const std::string& gate) const;
  channel::v1::SignatureChunk piece(const channel::v1::SignatureRequest& request) const;
  // The sets (newest first), assignments and past of the reply.
  void list(channel::v1::ListSignaturesReply* reply) const;

 private:
  struct Assignment {
    std::string set, shadow;
    bool operator==(const Assignment&) const = default;
  };
  struct State {
    uint64_t number = 0;
    std::map<std::string, channel::v1::StoredSignatures> sets;  // by sha256
    Assignment all;
    std::map<std::string, Assignment> gates;  // those that differ
    std::vector<std::string> past;            // sets of `all`, oldest first; the last is in force
  };
  explicit SignatureStore(std::filesystem::path folder) : folder_(std::move(folder)) {}
  std::string load_index();  // empty: done
  std::expected<uint64_t, std::string> keep(State next);
  std::expected<void, std::string> write_index(const State& state) const;
  void forget_unused(State& state) const;
  std::filesystem::path path_of(const std::string& sha256) const;
  static const Assignment& of(const State& state, const std::string& gate);

  const std::filesystem::path folder_;
  mutable std::mutex mutex_;
  State state_;
  State before_;  // the last order()
  uint64_t uploads_ = 0;
  std::deque<std::string> recent_;  // taken, and perhaps about to be ordered
};

}  // namespace postern::server
