#include "dataplane/agent/verdict_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace postern::agent {
namespace {

constexpr size_t kChunkBytes = 1 << 20;

std::string reason() { return strerror(errno); }

// Whole contents; nothing when there is no such file.
std::expected<std::optional<std::vector<uint8_t>>, std::string> read_whole(
    const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::nullopt;
  std::ifstream in(path, std::ios::binary);
  std::vector<uint8_t> bytes(std::filesystem::file_size(path, error));
  if (!in || error || !in.read(reinterpret_cast<char*>(bytes.data()), std::ssize(bytes))) {
    return std::unexpected(fmt::format("{} cannot be read: {}", path.string(), reason()));
  }
  return bytes;
}

}  // namespace

// An open file that knows how long it is.
class VerdictFile::File {
 public:
  static std::expected<std::unique_ptr<File>, std::string> open(const std::filesystem::path& path,
                                                                int flags) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | flags, 0640);
    if (fd < 0) return std::unexpected(fmt::format("{}: {}", path.string(), reason()));
    return std::unique_ptr<File>(new File(fd, path));
  }
  ~File() { ::close(fd_); }

  std::expected<void, std::string> write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return failure("write");
      bytes.remove_prefix(static_cast<size_t>(n));
      size_ += static_cast<uint64_t>(n);
    }
    return {};
  }
  std::expected<void, std::string> sync() {
    return ::fdatasync(fd_) == 0 ? std::expected<void, std::string>{} : failure("sync");
  }
  // Cuts it to `size` and goes on writing there.
  std::expected<void, std::string> cut(uint64_t size) {
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0 ||
        ::lseek(fd_, static_cast<off_t>(size), SEEK_SET) < 0) {
      return failure("truncate");
    }
    size_ = size;
    return {};
  }
  uint64_t size() const { return size_; }

 private:
  File(int fd, const std::filesystem::path& path) : fd_(fd), path_(path) {}
  std::unexpected<std::string> failure(const char* what) const {
    return std::unexpected(fmt::format("{}: {}: {}", path_.string(), what, reason()));
  }
  int fd_;
  uint64_t size_ = 0;
  std::filesystem::path path_;
};

VerdictFile::VerdictFile(const VerdictFileConfig& config, Durable durable, CopyAll copy_all)
    : config_(config),
      durable_(std::move(durable)),
      copy_all_(std::move(copy_all)),
      snapshot_path_(config.directory / "verdicts"),
      log_path_(config.directory / "verdicts.log") {}

VerdictFile::~VerdictFile() { stop(); }

std::expected<std::unique_ptr<VerdictFile>, std::string> VerdictFile::create(
    const VerdictFileConfig& config, Durable durable, CopyAll copy_all) {
  std::error_code error;
  std::filesystem::create_directories(config.directory, error);
  if (error || ::access(config.directory.c_str(), R_OK | W_OK | X_OK) != 0) {
    return std::unexpected(fmt::format(
        "the state directory {} cannot be written to ({}): make it, give it to the user that runs "
        "the data plane, or configure another",
        config.directory.string(), error ? error.message() : reason()));
  }
  return std::unique_ptr<VerdictFile>(
      new VerdictFile(config, std::move(durable), std::move(copy_all)));
}

VerdictFile::Loaded VerdictFile::load() {
  Loaded loaded;
  stale_ = true;  // until all is found to be well
  const auto snapshot = read_whole(snapshot_path_);
  const auto none = [&](const std::string& why) {
    loaded.notes.push_back(
        fmt::format("{} is not used: {}. No verdict is in force until control sends its own; until "
                    "then every sender gets the default treatment",
                    snapshot_path_.string(), why));
    return loaded;
  };
  if (!snapshot) return none(snapshot.error());
  if (!snapshot->has_value()) return loaded;
  auto read = read_snapshot(**snapshot);
  if (!read) return none(read.error());
  loaded.held = std::move(read->held);
  snapshot_digest_ = log_digest_ = read->digest;
  epoch_ = loaded.held.epoch;

  LogRead replayed;
  const auto log = read_whole(log_path_);
  if (!log) {
    loaded.notes.push_back(log.error());
  } else if (log->has_value()) {
    replayed = replay_log(**log, snapshot_digest_, loaded.held);
    if (!replayed.damage.empty()) {
      loaded.notes.push_back(fmt::format(
          "{}: {}. The verdicts in force are those of version {}; control sends what is newer",
          log_path_.string(), replayed.damage, loaded.held.version));
    }
  }
  version_ = loaded.held.version;
  open_log(replayed);
  return loaded;
}

// After load(): the log is made ready to be appended to, behind what could be read of it.
void VerdictFile::open_log(const LogRead& read) {
  std::expected<void, std::string> done;
  if (read.good_bytes == 0) {
    done = start_log();
  } else {
    log_digest_ = read.last_digest;
    auto file = File::open(log_path_, 0);
    if (file) {
      log_ = std::move(*file);
      done = log_->cut(read.good_bytes);
    } else {
      done = std::unexpected(file.error());
    }
  }
  stale_ = false;
  if (!done) note_failure(done.error());
}

void VerdictFile::start() {
  thread_ = std::thread([this] { run(); });
}

void VerdictFile::stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void VerdictFile::replace(std::shared_ptr<const HeldVerdicts> all) {
  {
    std::lock_guard lock(mutex_);
    waiting_.clear();  // it holds all that they say
    waiting_weight_ = 0;
    waiting_.push_back({all->epoch, all->version, all, nullptr});
  }
  changed_.notify_one();
}

void VerdictFile::append(const std::string& epoch, std::shared_ptr<const VerdictDelta> delta) {
  {
    std::lock_guard lock(mutex_);
    waiting_weight_ += 1 + delta->upserts.size() + delta->removals.size() +
                       delta->narrow_upserts.size() + delta->narrow_removals.size();
    const uint64_t version = delta->to_version;
    if (waiting_weight_ > config_.waiting) {
      waiting_.clear();
      waiting_.push_back({epoch, version, nullptr, nullptr});
    } else {
      waiting_.push_back({epoch, version, nullptr, std::move(delta)});
    }
  }
  changed_.notify_one();
}

void VerdictFile::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    const auto woken = [this] { return stopping_ || !waiting_.empty(); };
    // A log that became too long just after the last folding is folded later, changes or not.
    if (due()) {
      changed_.wait_until(lock, next_try_, woken);
    } else {
      changed_.wait(lock, woken);
    }
    const bool last = stopping_;
    std::vector<Item> items = std::exchange(waiting_, {});
    waiting_weight_ = 0;
    lock.unlock();
    write(items);
    items.clear();
    if (due() && (last || std::chrono::steady_clock::now() >= next_try_)) write_anew();
    lock.lock();
    if (last && waiting_.empty()) return;
  }
}

bool VerdictFile::due() const { return stale_ || (log_ && log_->size() > config_.log_bytes); }

void VerdictFile::write(std::span<const Item> items) {
  while (!items.empty()) {
    size_t count = 1;
    std::expected<void, std::string> done;
    if (items[0].all) {
      done = write_snapshot(*items[0].all);
    } else {
      while (count < items.size() && !items[count].all) ++count;
      if (!stale_) done = write_deltas(items.first(count));
    }
    if (!done) note_failure(done.error());
    for (const Item& item : items.first(count)) durable_(item.epoch, item.version);
    items = items.subspan(count);
  }
}

std::expected<void, std::string> VerdictFile::write_deltas(std::span<const Item> items) {
  std::string bytes;
  Digest digest = log_digest_;
  uint64_t version = version_;
  for (const Item& item : items) {
    if (item.epoch == epoch_ && item.version <= version)
      continue;  // the snapshot was made after it
    if (!item.delta) return std::unexpected("the disk does not keep up with the verdicts");
    if (item.epoch != epoch_ || item.delta->from_version != version) {
      return std::unexpected("the file misses a change");
    }
    write_log_delta(bytes, *item.delta, digest);
    version = item.version;
  }
  if (bytes.empty()) return {};
  if (auto done = log_->write(bytes); !done) return done;
  if (auto done = log_->sync(); !done) return done;
  log_digest_ = digest;
  version_ = version;
  return {};
}

std::expected<void, std::string> VerdictFile::write_snapshot(const HeldVerdicts& held) {
  const std::filesystem::path beside = snapshot_path_.string() + ".new";
  auto file = File::open(beside, O_CREAT | O_TRUNC);
  if (!file) return std::unexpected(file.error());
  Sha256 sha;
  std::string chunk;
  const auto flush = [&]() -> std::expected<void, std::string> {
    sha.update(as_bytes(chunk));
    auto done = (*file)->write(chunk);
    chunk.clear();
    return done;
  };
  write_snapshot_head(chunk, held.epoch, held.version);
  for (const verdict::PrefixVerdict& v : held.verdicts) {
    write_verdict(chunk, v);
    if (chunk.size() < kChunkBytes) continue;
    if (auto done = flush(); !done) return done;
  }
  for (const verdict::NarrowVerdict& v : held.narrow) write_verdict(chunk, v);
  write_snapshot_counts(chunk, held.verdicts.size(), held.narrow.size());
  if (auto done = flush(); !done) return done;
  const Digest digest = sha.finish();
  write_digest(chunk, digest);
  if (auto done = (*file)->write(chunk); !done) return done;
  if (auto done = (*file)->sync(); !done) return done;
  if (::rename(beside.c_str(), snapshot_path_.c_str()) != 0) {
    return std::unexpected(fmt::format("{}: rename: {}", beside.string(), reason()));
  }
  // Killed here, the old log continues another snapshot and is passed over: this one holds it all.
  snapshot_digest_ = digest;
  epoch_ = held.epoch;
  version_ = held.version;
  auto done = start_log();
  if (done) stale_ = false;
  return done;
}

std::expected<void, std::string> VerdictFile::start_log() {
  const std::filesystem::path beside = log_path_.string() + ".new";
  auto file = File::open(beside, O_CREAT | O_TRUNC);
  if (!file) return std::unexpected(file.error());
  std::string head;
  write_log_head(head, snapshot_digest_);
  if (auto done = (*file)->write(head); !done) return done;
  if (auto done = (*file)->sync(); !done) return done;
  if (::rename(beside.c_str(), log_path_.c_str()) != 0) {
    return std::unexpected(fmt::format("{}: rename: {}", beside.string(), reason()));
  }
  const int directory = ::open(config_.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = directory >= 0 && ::fsync(directory) == 0;
  if (directory >= 0) ::close(directory);
  if (!synced) {
    return std::unexpected(fmt::format("{}: sync: {}", config_.directory.string(), reason()));
  }
  log_ = std::move(*file);
  log_digest_ = snapshot_digest_;
  return {};
}

// What changed while the copy was made may be in it twice, the later one right or mended
// by the deltas that follow.
void VerdictFile::write_anew() {
  next_try_ = std::chrono::steady_clock::now() + config_.retry;
  auto copy = copy_all_();
  if (!copy) return;
  auto& all = copy->verdicts;
  const auto key = &verdict::PrefixVerdict::key;
  std::ranges::stable_sort(all, {}, key);
  std::ranges::reverse(all);  // unique() keeps the first of equals
  const auto rest = std::ranges::unique(all, {}, key);
  all.erase(rest.begin(), rest.end());
  if (auto done = write_snapshot(*copy); !done) note_failure(done.error());
}

void VerdictFile::note_failure(const std::string& what) {
  if (!stale_) {
    spdlog::error(
        "verdicts are in force but not on disk ({}): a restart without control would bring back "
        "older ones; trying again every {} s",
        what, std::chrono::duration<double>(config_.retry).count());
  }
  stale_ = true;
  next_try_ = std::chrono::steady_clock::now() + config_.retry;
}

}  // namespace postern::agent
