// The signature sets that control gave this data plane, on its own disk, and which of them it is to
// scan with: so that it does after a restart what it did before, with or without control.
//
// Theory of operation. A folder holds sets as SHA256.psig, named by their octets' digest, and a
// file `order` that names the wanted ones. A set is written piece by piece under another name, and
// gets its own only when it is whole and its digest is right; `order` is replaced whole. So
// whenever we die, the last order and all it names are there. One thread.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "patterns/artefact/sha256.h"

namespace postern {

struct SignatureFile {
  std::string sha256;  // hex, of the octets
  uint64_t bytes = 0;
  std::string name;
  bool operator==(const SignatureFile&) const = default;
};

struct WantedSignatures {
  std::optional<SignatureFile> set;     // nothing: that of the configuration
  std::optional<SignatureFile> shadow;  // nothing: none
  bool operator==(const WantedSignatures&) const = default;
};

class SignatureFiles {
 public:
  static constexpr uint64_t kMostBytes = uint64_t{2} << 30;

  // Makes the folder; takes away what an earlier life did not finish.
  static std::expected<SignatureFiles, std::string> open(const std::filesystem::path& folder);
  SignatureFiles(SignatureFiles&&) noexcept;
  ~SignatureFiles();

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path path_of(const SignatureFile& file) const;
  bool holds(const SignatureFile& file) const;

  // The order in force when we were last told; nothing: there was none, or it cannot be read.
  std::optional<WantedSignatures> order() const;
  std::expected<void, std::string> keep_order(const WantedSignatures& order);
  // Removes the sets that it does not name.
  void remove_all_but(const WantedSignatures& order);

  // A set begins to arrive, in place of what was arriving.
  std::expected<void, std::string> begin(const SignatureFile& file);
  const SignatureFile* arriving() const { return arriving_ ? &*arriving_ : nullptr; }
  uint64_t arrived() const { return arrived_; }  // octets of it
  // The next piece. True: the set is whole now, and held. An error ends the arrival.
  std::expected<bool, std::string> add(uint64_t offset, std::span<const uint8_t> data);
  void abandon();

 private:
  explicit SignatureFiles(std::filesystem::path folder) : folder_(std::move(folder)) {}
  std::expected<bool, std::string> finish();
  std::filesystem::path temporary() const { return folder_ / "arriving"; }

  std::filesystem::path folder_;
  std::optional<SignatureFile> arriving_;
  uint64_t arrived_ = 0;
  int fd_ = -1;
  std::unique_ptr<artefact::Sha256Stream> digest_;
};

}  // namespace postern
