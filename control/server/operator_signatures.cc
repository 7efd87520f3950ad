// What operators ask about signature sets.
#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/ip.h"
#include "control/server/answers.h"
#include "control/server/operator.h"
#include "control/server/shadow_comparison.h"

namespace postern::server {
namespace {

using grpc::StatusCode;

constexpr uint32_t kUsualWait_ms = 60'000;
constexpr uint32_t kLongestWait_ms = 600'000;
constexpr uint32_t kUsualExamples = 10;
constexpr uint32_t kMostExamples = 1000;
constexpr size_t kLongestSetName = 200;

// A file that is gone again unless it is taken.
class Upload {
 public:
  explicit Upload(std::filesystem::path path)
      : path_(std::move(path)),
        fd_(open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640)) {}
  ~Upload() {
    if (fd_ >= 0) close(fd_);
    unlink(path_.c_str());
  }
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Empty: done.
  std::string write(std::string_view data) {
    while (fd_ >= 0 && !data.empty()) {
      const ssize_t n = ::write(fd_, data.data(), data.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) break;
      data.remove_prefix(static_cast<size_t>(n));
    }
    return data.empty() && fd_ >= 0 ? "" : complaint();
  }
  std::string sync() { return fd_ >= 0 && fsync(fd_) == 0 ? "" : complaint(); }

 private:
  std::string complaint() const {
    return fmt::format("{}: cannot be written: {}", path_.string(), std::strerror(errno));
  }
  const std::filesystem::path path_;
  const int fd_;
};

std::expected<SignatureStore::Change, std::string> change_asked_for(
    const channel::v1::LoadSignaturesRequest& request, const SignatureStore& store) {
  SignatureStore::Change change;
  change.gates.assign(request.gates().begin(), request.gates().end());
  switch (request.action()) {
    case channel::v1::SIGNATURE_ACTION_LOAD:
    case channel::v1::SIGNATURE_ACTION_SHADOW:
      if (request.sha256().empty()) return std::unexpected("which set is to be loaded?");
      if (request.action() == channel::v1::SIGNATURE_ACTION_LOAD)
        change.changes_set = true, change.set = request.sha256();
      else
        change.changes_shadow = true, change.shadow = request.sha256();
      return change;
    case channel::v1::SIGNATURE_ACTION_SHADOW_OFF:
      change.changes_shadow = true;
      return change;
    case channel::v1::SIGNATURE_ACTION_UNLOAD:
      change.changes_set = true;
      return change;
    case channel::v1::SIGNATURE_ACTION_ROLLBACK:
      if (!change.gates.empty()) return std::unexpected("a rollback is for all gates");
      return store.rollback();
    default:
      return std::unexpected("what is to be done: load, shadow, shadow off, unload or rollback?");
  }
}

}  // namespace

grpc::Status Operator::PutSignatures(grpc::ServerContext*,
                                     grpc::ServerReader<channel::v1::SignaturePiece>* pieces,
                                     channel::v1::StoredSignatures* stored) {
  Upload upload(signatures_.new_upload());
  channel::v1::SignaturePiece piece;
  std::string name, author;
  uint64_t bytes = 0;
  while (pieces->Read(&piece)) {
    if (name.empty()) name = piece.name(), author = piece.author();
    bytes += piece.data().size();
    if (bytes > SignatureStore::kMostBytes)
      return invalid(
          fmt::format("the set is larger than {} GiB", SignatureStore::kMostBytes >> 30));
    if (std::string error = upload.write(piece.data()); !error.empty()) return broken(error);
  }
  if (name.empty() || name.size() > kLongestSetName ||
      std::ranges::any_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
    return invalid("the set needs a name of one line");
  if (std::string error = upload.sync(); !error.empty()) return broken(error);
  auto set = signatures_.take(upload.path(), name, author);
  if (!set) return invalid(set.error());
  *stored = std::move(*set);
  return grpc::Status::OK;
}

grpc::Status Operator::LoadSignatures(grpc::ServerContext*,
                                      const channel::v1::LoadSignaturesRequest* request,
                                      channel::v1::LoadSignaturesReply* reply) {
  const std::unique_lock loading(load_mutex_, std::try_to_lock);
  if (!loading.owns_lock())
    return {StatusCode::ABORTED, "another load is under way: try again when it is over"};
  const auto change = change_asked_for(*request, signatures_);
  if (!change) return invalid(change.error());
  const auto known = gates_.list();
  for (const std::string& gate : change->gates) {
    if (std::ranges::none_of(known, [&](const auto& k) { return k.gate() == gate; }))
      return {StatusCode::NOT_FOUND, fmt::format("no gate {} has ever attached", gate)};
  }
  const auto number = signatures_.order(*change);
  if (!number) return broken(number.error());
  const std::string& what = change->changes_set ? change->set : change->shadow;
  spdlog::info("signature order {} by {}: {} {}", *number, request->author(),
               channel::v1::SignatureAction_Name(request->action()), what);
  gates_.announce();
  const uint32_t wait_ms = request->wait_ms() == 0 ? kUsualWait_ms : request->wait_ms();
  const auto answers = gates_.wait_for_signatures(
      *number, change->gates, std::chrono::milliseconds(std::min(wait_ms, kLongestWait_ms)));
  reply->set_number(*number);
  channel::v1::ListSignaturesReply held;
  signatures_.list(&held);
  for (const auto& set : held.sets())
    if (set.sha256() == what) *reply->mutable_set() = set;
  bool all_refuse = !answers.empty();
  for (const auto& answer : answers) {
    *reply->add_gates() = answer;
    all_refuse = all_refuse && !answer.refused().empty();
  }
  if (all_refuse) {
    const auto withdrawn = signatures_.withdraw();
    if (!withdrawn) return broken(withdrawn.error());
    spdlog::warn("signature order {} was refused by every gate: withdrawn", *number);
    reply->set_withdrawn(true);
    gates_.announce();
  }
  return grpc::Status::OK;
}

grpc::Status Operator::ListSignatures(grpc::ServerContext*,
                                      const channel::v1::ListSignaturesRequest*,
                                      channel::v1::ListSignaturesReply* reply) {
  signatures_.list(reply);
  for (channel::v1::AttachedDataPlane& gate : gates_.list())
    *reply->add_data_planes() = std::move(gate);
  return grpc::Status::OK;
}

grpc::Status Operator::CompareShadow(grpc::ServerContext*,
                                     const channel::v1::CompareShadowRequest* request,
                                     channel::v1::CompareShadowReply* reply) {
  std::optional<IpPrefix> client;
  if (!request->client().empty()) {
    const auto prefix = IpPrefix::parse(request->client());
    if (!prefix) return invalid(prefix.error());
    client = *prefix;
  }
  const uint32_t examples = request->examples() == 0 ? kUsualExamples : request->examples();
  ShadowComparison comparison(std::min(examples, kMostExamples));
  ledger::ShadowQuery query{.since_unix_s = request->since_unix_s()};
  do {
    const auto page = ledger_.shadow_events(query);
    if (!page) return broken(page.error());
    for (const channel::v1::Event& event : page->events) {
      const auto sender = IpAddress::parse(event.client());
      if (client && (!sender || !client->contains(*sender))) continue;
      comparison.add(event);
    }
    query.before_row = page->last_row;
  } while (query.before_row != 0);
  comparison.write(reply);
  return grpc::Status::OK;
}

}  // namespace postern::server
