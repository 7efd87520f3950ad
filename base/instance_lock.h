// One process at a time on a path: a lock that goes with the process, however it ends.
#pragma once

#include <expected>
#include <filesystem>
#include <string>

namespace postern {

class InstanceLock {
 public:
  // Locks `path` by a file PATH.lock beside it, which stays. The error names the process that holds
  // it.
  static std::expected<InstanceLock, std::string> take(const std::filesystem::path& path);
  InstanceLock(InstanceLock&& other) noexcept;
  InstanceLock& operator=(InstanceLock&&) = delete;
  ~InstanceLock();

 private:
  explicit InstanceLock(int file) : file_(file) {}
  int file_;
};

}  // namespace postern
