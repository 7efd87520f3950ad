#include "dataplane/signature_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/replace_file.h"

namespace postern {
namespace {

namespace fs = std::filesystem;

// It becomes a file's name.
bool is_digest(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::unexpected<std::string> failed(const fs::path& path, std::string_view what) {
  return std::unexpected(fmt::format("{}: {}: {}", path.string(), what, std::strerror(errno)));
}

void print(std::string& out, std::string_view which, const std::optional<SignatureFile>& file) {
  // The name is last: it may hold blanks.
  if (file) out += fmt::format("{} {} {} {}\n", which, file->sha256, file->bytes, file->name);
}

}  // namespace

std::expected<SignatureFiles, std::string> SignatureFiles::open(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    return std::unexpected(fmt::format("{}: cannot be made: {}", folder.string(), error.message()));
  SignatureFiles files(folder);
  fs::remove(files.temporary(), error);
  return files;
}

SignatureFiles::SignatureFiles(SignatureFiles&& from) noexcept
    : folder_(std::move(from.folder_)),
      arriving_(std::move(from.arriving_)),
      arrived_(from.arrived_),
      fd_(std::exchange(from.fd_, -1)),
      digest_(std::move(from.digest_)) {}

SignatureFiles::~SignatureFiles() {
  if (fd_ >= 0) close(fd_);
}

fs::path SignatureFiles::path_of(const SignatureFile& file) const {
  return folder_ / (file.sha256 + ".psig");
}

bool SignatureFiles::holds(const SignatureFile& file) const {
  std::error_code error;
  return is_digest(file.sha256) && fs::file_size(path_of(file), error) == file.bytes && !error;
}

std::optional<WantedSignatures> SignatureFiles::order() const {
  std::ifstream in(folder_ / "order");
  if (!in) return std::nullopt;
  WantedSignatures order;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string which;
    SignatureFile file;
    words >> which >> file.sha256 >> file.bytes >> std::ws;
    std::getline(words, file.name);
    if (!is_digest(file.sha256)) return std::nullopt;
    if (which == "set") order.set = file;
    if (which == "shadow") order.shadow = file;
  }
  return order;
}

std::expected<void, std::string> SignatureFiles::keep_order(const WantedSignatures& order) {
  std::string text;
  print(text, "set", order.set);
  print(text, "shadow", order.shadow);
  return replace_file(folder_ / "order",
                      {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

void SignatureFiles::remove_all_but(const WantedSignatures& order) {
  const auto wanted = [&](const fs::path& path) {
    return (order.set && path == path_of(*order.set)) ||
           (order.shadow && path == path_of(*order.shadow));
  };
  std::error_code error;
  std::vector<fs::path> unwanted;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    if (entry.path().extension() == ".psig" && !wanted(entry.path()))
      unwanted.push_back(entry.path());
  }
  for (const fs::path& path : unwanted) fs::remove(path, error);
}

std::expected<void, std::string> SignatureFiles::begin(const SignatureFile& file) {
  abandon();
  if (!is_digest(file.sha256) || file.bytes == 0 || file.bytes > kMostBytes) {
    return std::unexpected(
        fmt::format("the set {} of {} bytes is not one that can be taken", file.name, file.bytes));
  }
  fd_ = ::open(temporary().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd_ < 0) return failed(temporary(), "cannot be made");
  arriving_ = file;
  arrived_ = 0;
  digest_ = std::make_unique<artefact::Sha256Stream>();
  return {};
}

void SignatureFiles::abandon() {
  if (fd_ >= 0) {
    close(std::exchange(fd_, -1));
    unlink(temporary().c_str());
  }
  arriving_.reset();
  digest_.reset();
  arrived_ = 0;
}

std::expected<bool, std::string> SignatureFiles::add(uint64_t offset,
                                                     std::span<const uint8_t> data) {
  const auto give_up = [this](std::string why) {
    abandon();
    return std::unexpected(std::move(why));
  };
  if (!arriving_ || offset != arrived_ || data.empty() ||
      data.size() > arriving_->bytes - arrived_) {
    return give_up("a piece of the set came out of order; load it again");
  }
  digest_->update(data);
  for (size_t done = 0; done < data.size();) {
    const ssize_t n = ::write(fd_, data.data() + done, data.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      return give_up(fmt::format("{}: cannot write: {}; make room and load the set again",
                                 temporary().string(), std::strerror(errno)));
    done += static_cast<size_t>(n);
  }
  arrived_ += data.size();
  if (arrived_ < arriving_->bytes) return false;
  auto done = finish();
  abandon();
  return done;
}

std::expected<bool, std::string> SignatureFiles::finish() {
  if (artefact::hex(digest_->finish()) != arriving_->sha256)
    return std::unexpected("the set arrived changed: its digest is another; load it again");
  if (fsync(fd_) != 0) return failed(temporary(), "cannot be synced");
  if (rename(temporary().c_str(), path_of(*arriving_).c_str()) != 0)
    return failed(path_of(*arriving_), "cannot be put in place");
  sync_directory(folder_);
  return true;
}

}  // namespace postern
