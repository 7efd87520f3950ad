#include "base/replace_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace postern {

void sync_directory(const std::filesystem::path& directory) {
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

std::expected<void, std::string> replace_file(const std::filesystem::path& path,
                                              std::span<const uint8_t> bytes, mode_t mode) {
  const std::string temporary = fmt::format("{}.{}.tmp", path.string(), getpid());
  int fd = -1;
  const auto failed = [&](std::string_view step) {
    const int code = errno;
    if (fd >= 0) close(fd);
    unlink(temporary.c_str());
    return std::unexpected(
        fmt::format("{}: cannot {}: {}", path.string(), step, std::strerror(code)));
  };
  fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return failed("create the file");
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed("write");
    done += static_cast<size_t>(n);
  }
  if (fsync(fd) != 0) return failed("sync");
  close(fd);
  fd = -1;
  if (rename(temporary.c_str(), path.c_str()) != 0) return failed("rename the new file into place");
  sync_directory(path.has_parent_path() ? path.parent_path() : ".");
  return {};
}

}  // namespace postern
