// Files that are replaced whole: a reader sees the old one or the new one, never a part.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <expected>
#include <filesystem>
#include <span>
#include <string>

namespace postern {

// Writes a temporary file beside `path`, syncs it, renames it and syncs the directory: what has
// returned as done survives a power cut. Whoever has the old file open or mapped keeps the old one.
std::expected<void, std::string> replace_file(const std::filesystem::path& path,
                                              std::span<const uint8_t> bytes, mode_t mode = 0644);

// A rename in this directory survives a power cut from now on.
void sync_directory(const std::filesystem::path& directory);

}  // namespace postern
