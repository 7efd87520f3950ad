#include "base/instance_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace postern {

std::expected<InstanceLock, std::string> InstanceLock::take(const std::filesystem::path& path) {
  const std::string name = path.string() + ".lock";
  const int file = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (file < 0) {
    return std::unexpected(fmt::format(
        "cannot write {}: {}; its directory must exist and belong to the user that runs "
        "postern-control (mkdir -p {})",
        name, std::strerror(errno), path.parent_path().string()));
  }
  InstanceLock lock(file);
  char holder[32] = {};
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    const ssize_t length = pread(file, holder, sizeof holder - 1, 0);
    const std::string process(holder, length > 0 ? static_cast<size_t>(length) : 0);
    return std::unexpected(
        fmt::format("another postern-control (process {}) is running on {}: end it first, or give "
                    "this one another path",
                    process.empty() ? "unknown" : process, path.string()));
  }
  const std::string own = std::to_string(getpid());
  // Only told to whoever meets the lock; the lock itself does not depend on it.
  if (ftruncate(file, 0) != 0 || pwrite(file, own.data(), own.size(), 0) < 0) errno = 0;
  return lock;
}

InstanceLock::InstanceLock(InstanceLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

InstanceLock::~InstanceLock() {
  if (file_ >= 0) close(file_);
}

}  // namespace postern
