// What earlier compilations found out, by content.
//
// Theory of operation. A result is filed under the SHA-256 of everything that determines it: the
// expression, the sample text, the trial's budget, the versions of Hyperscan and PCRE2, the
// processor. So nothing is ever stale, and since measured costs are kept too, the same rules
// compile to the same octets. An entry is a file, written beside its place and renamed into it,
// with a checksum: one that is damaged, cut short or not ours is a miss, and so is a folder that
// cannot be used. Many compilers may share a folder. Of old entries the longest unused go first.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "patterns/artefact/sha256.h"

namespace postern::compile {

// Octets in this machine's own order: an entry is for no other.
class EntryWriter {
 public:
  template <typename T>
  requires std::is_trivially_copyable_v<T> EntryWriter& number(const T& value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  EntryWriter& text(std::string_view value) {
    number(uint64_t{value.size()});
    bytes_.append(value);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Reads the same back. Past the end it gives zeros, and `is_done` is never true.
class EntryReader {
 public:
  explicit EntryReader(std::string_view bytes) : rest_(bytes) {}
  template <typename T>
  requires std::is_trivially_copyable_v<T> T number() {
    T value{};
    if (rest_.size() < sizeof value) {
      short_ = true;
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  // How many things of `octets` each follow.
  uint64_t count(uint64_t octets) {
    const auto value = number<uint64_t>();
    if (value <= rest_.size() / octets) return value;
    short_ = true;
    return 0;
  }
  std::string text() {
    const uint64_t size = count(1);
    std::string value(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return value;
  }
  bool is_done() const { return !short_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool short_ = false;
};

// Any thread may call it.
class Cache {
 public:
  static constexpr uint64_t kMostBytes = 256ULL << 20;

  // Makes the folder, for its owner alone. One that others may write to is not used.
  explicit Cache(std::filesystem::path folder);
  bool is_usable() const { return obstacle_.empty(); }
  // Why it is not usable, as words about "it"; else empty.
  const std::string& obstacle() const { return obstacle_; }
  const std::filesystem::path& folder() const { return folder_; }

  // `what` the entry is, and all that determines it.
  std::optional<std::string> find(std::string_view what, std::string_view key) const;
  void store(std::string_view what, std::string_view key, std::string_view value) const;
  // The errno of the first entry that could not be written; 0: all could.
  int store_error() const { return store_error_; }

  // Removes what was not used longest until at most `most_bytes` of disk are taken.
  void trim(uint64_t most_bytes = kMostBytes) const;

 private:
  artefact::Sha256 digest(std::string_view what, std::string_view key) const;
  void note_store_error(int error) const;

  std::filesystem::path folder_;
  std::string surroundings_;  // versions and processor, a part of every key
  std::string obstacle_;
  mutable std::atomic<int> store_error_ = 0;
};

}  // namespace postern::compile
