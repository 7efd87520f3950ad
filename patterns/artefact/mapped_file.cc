#include "patterns/artefact/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace postern::artefact {
namespace {

constexpr size_t kCopyAtOnce = size_t{1} << 30;

std::unexpected<std::string> failed(const std::filesystem::path& path, std::string_view what) {
  return std::unexpected(fmt::format("{}: {}: {}", path.string(), what, std::strerror(errno)));
}

struct Descriptor {
  explicit Descriptor(int number) : fd(number) {}
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  const int fd;
};

// The kernel copies; where it cannot between these two file systems, we do.
bool copy(int from, int to) {
  for (;;) {
    const ssize_t n = copy_file_range(from, nullptr, to, nullptr, kCopyAtOnce, 0);
    if (n == 0) break;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS))
      break;
    if (n < 0) return false;
  }
  char buffer[64 * 1024];
  for (;;) {
    const ssize_t got = ::read(from, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    for (ssize_t done = 0; done < got;) {
      const ssize_t n = ::write(to, buffer + done, static_cast<size_t>(got - done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return false;
      done += n;
    }
  }
}

}  // namespace

std::expected<std::shared_ptr<const MappedFile>, std::string> MappedFile::map(
    int fd, const std::filesystem::path& path) {
  struct stat about = {};
  if (fstat(fd, &about) != 0) return failed(path, "cannot be looked at");
  if (!S_ISREG(about.st_mode))
    return std::unexpected(fmt::format("{}: is not a regular file", path.string()));
  const auto size = static_cast<size_t>(about.st_size);
  if (size == 0) return std::shared_ptr<const MappedFile>(new MappedFile(nullptr, 0));
  void* start = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (start == MAP_FAILED) return failed(path, "cannot be mapped");
  return std::shared_ptr<const MappedFile>(
      new MappedFile(static_cast<const uint8_t*>(start), size));
}

std::expected<std::shared_ptr<const MappedFile>, std::string> MappedFile::open(
    const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) return failed(path, "cannot be opened");
  return map(file.fd, path);
}

std::expected<std::shared_ptr<const MappedFile>, std::string> MappedFile::private_copy(
    const std::filesystem::path& path, const std::filesystem::path& directory) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) return failed(path, "cannot be opened");
  std::string name = (directory / "set.XXXXXX").string();
  const Descriptor own(mkostemp(name.data(), O_CLOEXEC));
  if (own.fd < 0) return failed(directory, "cannot hold a copy of the signature set");
  unlink(name.c_str());
  if (!copy(file.fd, own.fd)) return failed(path, "cannot be copied");
  return map(own.fd, path);
}

MappedFile::~MappedFile() {
  if (start_ != nullptr) munmap(const_cast<uint8_t*>(start_), size_);
}

}  // namespace postern::artefact
