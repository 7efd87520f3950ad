#include "patterns/compile/cache.h"

#include <fcntl.h>
#include <hs/hs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include "patterns/language/regexp.h"

namespace postern::compile {
namespace {

// To be raised when factors, costs or the encoding of an entry are found in another way.
constexpr uint32_t kVersion = 2;

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

}  // namespace

Cache::Cache(std::filesystem::path folder)
    : folder_(std::move(folder)), surroundings_(surroundings()) {
  std::error_code error;
  if (folder_.has_parent_path()) std::filesystem::create_directories(folder_.parent_path(), error);
  mkdir(folder_.c_str(), 0700);
  struct stat status {};
  usable_ = stat(folder_.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
            status.st_uid == geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

artefact::Sha256 Cache::digest(std::string_view what, std::string_view key) const {
  const EntryWriter all = EntryWriter().text(surroundings_).text(what).text(key);
  const std::string& bytes = all.bytes();
  return artefact::sha256({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

std::optional<std::string> Cache::find(std::string_view what, std::string_view key) const {
  if (!usable_) return {};
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
  if (!usable_) return;
  const artefact::Sha256 name = digest(what, key);
  const std::string path = folder_ / (artefact::hex(name) + std::string(kSuffix));
  std::string temporary = path + ".XXXXXX";
  const int file = mkstemp(temporary.data());
  if (file < 0) return;
  const artefact::Sha256 sum = checksum(name, value);
  std::string bytes(kMagic);
  bytes.append(reinterpret_cast<const char*>(sum.data()), sum.size());
  bytes.append(value);
  // Not flushed to the disk: what a crash leaves of it fails the checksum.
  const bool written = write(file, bytes.data(), bytes.size()) == std::ssize(bytes);
  close(file);
  if (!written || rename(temporary.c_str(), path.c_str()) != 0) unlink(temporary.c_str());
}

void Cache::trim(uint64_t most_bytes) const {
  if (!usable_) return;
  struct Entry {
    std::filesystem::file_time_type used;
    uint64_t bytes;
    std::filesystem::path path;
  };
  std::vector<Entry> entries;
  uint64_t total = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder_, error), end; !error && at != end;
       at.increment(error)) {
    if (!is_ours(at->path().filename())) continue;
    // Another compiler may have removed it meanwhile.
    std::error_code gone;
    const auto used = at->last_write_time(gone);
    const uint64_t bytes = gone ? 0 : at->file_size(gone);
    if (gone) continue;
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
