#include "patterns/compile/cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <hs/hs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include "patterns/language/regexp.h"

namespace postern::compile {
namespace {

// To be raised when factors, costs or the encoding of an entry are found in another way.
constexpr uint32_t kVersion = 3;

constexpr std::string_view kMagic = "PSTNCCH1";
constexpr std::string_view kSuffix = ".entry";
constexpr size_t kDigits = 64;
constexpr size_t kHeaderBytes = kMagic.size() + sizeof(artefact::Sha256);

std::string surroundings() {
  EntryWriter out;
  out.number(kVersion).text(hs_version());
  hs_platform_info_t platform{};
  hs_populate_platform(&platform);
  out.number(platform.tune).number(platform.cpu_features);
  char pcre2[64] = {};
  pcre2_config(PCRE2_CONFIG_VERSION, pcre2);
  return out.text(pcre2).bytes();
}

artefact::Sha256 checksum(const artefact::Sha256& key, std::string_view value) {
  artefact::Sha256Stream stream;
  stream.update(key);
  stream.update({reinterpret_cast<const uint8_t*>(value.data()), value.size()});
  return stream.finish();
}

// An entry, or one that a compiler left half written. A folder may hold other files.
bool is_ours(const std::string& name) {
  return name.size() >= kDigits + kSuffix.size() &&
         name.find_first_not_of("0123456789abcdef") == kDigits &&
         std::string_view(name).substr(kDigits).starts_with(kSuffix);
}

// What it is called by must not lead to what another user could change: entries are believed.
std::string obstacle_to_use(const std::filesystem::path& folder) {
  struct stat status {};
  if (stat(folder.c_str(), &status) != 0)
    return fmt::format("it cannot be read: {}", std::strerror(errno));
  if (!S_ISDIR(status.st_mode)) return "it is no folder";
  if (status.st_uid != geteuid()) return "it belongs to another user";
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "others may write to it; chmod go-w";
  if (faccessat(AT_FDCWD, folder.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) != 0)
    return fmt::format("it cannot be written: {}", std::strerror(errno));
  return {};
}

}  // namespace

Cache::Cache(std::filesystem::path folder)
    : folder_(std::move(folder)), surroundings_(surroundings()) {
  std::error_code error;
  if (folder_.has_parent_path()) std::filesystem::create_directories(folder_.parent_path(), error);
  if (mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) {
    obstacle_ = fmt::format("it cannot be made: {}", std::strerror(errno));
    return;
  }
  obstacle_ = obstacle_to_use(folder_);
}

artefact::Sha256 Cache::digest(std::string_view what, std::string_view key) const {
  const EntryWriter all = EntryWriter().text(surroundings_).text(what).text(key);
  const std::string& bytes = all.bytes();
  return artefact::sha256({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

std::optional<std::string> Cache::find(std::string_view what, std::string_view key) const {
  if (!is_usable()) return {};
  const artefact::Sha256 name = digest(what, key);
  const auto path = folder_ / (artefact::hex(name) + std::string(kSuffix));
  std::ifstream file(path, std::ios::binary);
  if (!file) return {};
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.size() < kHeaderBytes || !bytes.starts_with(kMagic)) return {};
  std::string value = bytes.substr(kHeaderBytes);
  const artefact::Sha256 expected = checksum(name, value);
  if (std::memcmp(expected.data(), bytes.data() + kMagic.size(), expected.size()) != 0) return {};
  utimensat(AT_FDCWD, path.c_str(), nullptr, 0);  // used now
  return value;
}

void Cache::store(std::string_view what, std::string_view key, std::string_view value) const {
  if (!is_usable()) return;
  const artefact::Sha256 name = digest(what, key);
  const std::string path = folder_ / (artefact::hex(name) + std::string(kSuffix));
  std::string temporary = path + ".XXXXXX";
  const int file = mkstemp(temporary.data());
  if (file < 0) return note_store_error(errno);
  const artefact::Sha256 sum = checksum(name, value);
  std::string bytes(kMagic);
  bytes.append(reinterpret_cast<const char*>(sum.data()), sum.size());
  bytes.append(value);
  // Not flushed to the disk: what a crash leaves of it fails the checksum. A write that ends short
  // has met the end of the disk or of a quota.
  const ssize_t length = write(file, bytes.data(), bytes.size());
  int failure = length == std::ssize(bytes) ? 0 : length < 0 ? errno : ENOSPC;
  close(file);
  if (failure == 0 && rename(temporary.c_str(), path.c_str()) != 0) failure = errno;
  if (failure == 0) return;
  unlink(temporary.c_str());
  note_store_error(failure);
}

void Cache::note_store_error(int error) const {
  int none = 0;
  store_error_.compare_exchange_strong(none, error);
}

void Cache::trim(uint64_t most_bytes) const {
  if (!is_usable()) return;
  struct Entry {
    std::filesystem::file_time_type used;
    uint64_t bytes;
    std::filesystem::path path;
  };
  // What is half written and younger is another compiler's at this moment.
  const auto still_written = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
  std::vector<Entry> entries;
  uint64_t total = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder_, error), end; !error && at != end;
       at.increment(error)) {
    if (!is_ours(at->path().filename())) continue;
    // Another compiler may have removed it meanwhile.
    std::error_code gone;
    const auto used = at->last_write_time(gone);
    if (gone) continue;
    // What it takes of the disk: most entries are far smaller than a block.
    struct stat status {};
    if (stat(at->path().c_str(), &status) != 0) continue;
    const auto bytes = static_cast<uint64_t>(std::max(status.st_size, status.st_blocks * 512));
    const bool is_half_written = !at->path().native().ends_with(kSuffix);
    if (is_half_written && used > still_written) continue;
    entries.push_back({used, bytes, at->path()});
    total += bytes;
  }
  if (total <= most_bytes) return;
  std::ranges::sort(entries, {}, &Entry::used);
  for (const Entry& entry : entries) {
    if (total <= most_bytes) break;
    std::filesystem::remove(entry.path, error);
    total -= entry.bytes;
  }
}

}  // namespace postern::compile
