// A file's octets, mapped read-only.
//
// Theory of operation. A mapping keeps the file's inode, not its name: a file that is replaced by a
// rename, as everything that Postern writes is, stays whole for whoever has mapped it. A file that
// is written over in place (`cp NEW OLD`) changes under its readers, and one that is cut short
// kills them at the next page they touch. So a process that must live maps a copy of its own
// (private_copy()), which has no name and which nobody else can reach.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace postern::artefact {

class MappedFile {
 public:
  // MAP_PRIVATE. The errors begin with the path. An empty file is an empty span.
  static std::expected<std::shared_ptr<const MappedFile>, std::string> open(
      const std::filesystem::path& path);
  // Copies the file into `directory`, takes the copy's name away, and maps it.
  static std::expected<std::shared_ptr<const MappedFile>, std::string> private_copy(
      const std::filesystem::path& path, const std::filesystem::path& directory);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const uint8_t> bytes() const { return {start_, size_}; }

 private:
  MappedFile(const uint8_t* start, size_t size) : start_(start), size_(size) {}
  static std::expected<std::shared_ptr<const MappedFile>, std::string> map(
      int fd, const std::filesystem::path& path);

  const uint8_t* start_;
  size_t size_;
};

}  // namespace postern::artefact
