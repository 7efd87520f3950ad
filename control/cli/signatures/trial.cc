#include "control/cli/signatures/trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <iterator>
#include <mutex>
#include <thread>

#include "dataplane/scan/message_file.h"

namespace postern::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::filesystem::path;

constexpr auto kProgressEvery = std::chrono::milliseconds(100);

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string name_of_message(const path& file, uint32_t message) {
  return message == 0 ? file.string() : fmt::format("{}:{}", file.string(), message);
}

// What one thread found in one file.
struct FileNotes {
  std::vector<Tried> messages;
  Unreadable unreadable;
};

class Scanner {
 public:
  explicit Scanner(std::shared_ptr<const scan::SignatureSet> set)
      : set_(std::move(set)), scan_(mime::ReaderLimits{.digests = true}) {}
  std::expected<void, std::string> prepare() { return scratch_.prepare(*set_); }

  FileNotes scan_file(const path& file, uint32_t number) {
    FileNotes notes;
    const auto messages = scan::read_messages(file);
    if (!messages) {
      notes.unreadable.push_back(messages.error());
      return notes;
    }
    for (size_t i = 0; i < messages->size(); ++i) {
      const auto& message = (*messages)[i];
      const auto position = messages->size() == 1 ? 0 : static_cast<uint32_t>(i + 1);
      if (!scan::begins_with_field(message)) {
        notes.unreadable.push_back(
            fmt::format("{}: {}", name_of_message(file, position),
                        message.empty() ? "is empty" : "does not begin with a header field"));
        continue;
      }
      scan_message(message, {.file = number, .message = position, .rules = {}}, file, notes);
    }
    return notes;
  }
  double seconds() const { return seconds_; }

 private:
  void scan_message(const std::vector<uint8_t>& message, Tried tried, const path& file,
                    FileNotes& notes) {
    const auto start = Clock::now();
    const scan::ScanResult result =
        scan::scan_message(scan_, set_, scratch_, message, {}, scan::Asked::kAllRules);
    seconds_ += seconds_since(start);
    if (result.failed) {
      notes.unreadable.push_back(fmt::format("{}: the matcher failed; it has no score",
                                             name_of_message(file, tried.message)));
      return;
    }
    tried.score = result.score;
    tried.bytes = message.size();
    tried.confirmations_cut = result.confirmations_cut;
    for (uint32_t rule = 0; rule < set_->rule_count(); ++rule) {
      if (scan_.is_hit(rule)) tried.rules.push_back(rule);
    }
    notes.messages.push_back(std::move(tried));
  }

  std::shared_ptr<const scan::SignatureSet> set_;
  scan::MessageScan::Scratch scratch_;
  scan::MessageScan scan_;
  double seconds_ = 0;
};

bool is_hidden(const path& file) { return file.filename().string().starts_with('.'); }

}  // namespace

std::vector<MailFile> find_mail(const path& folder, Kind kind, Unreadable& unreadable) {
  namespace fs = std::filesystem;
  std::vector<MailFile> found;
  std::error_code code;
  const auto fail = [&](const path& at) {
    unreadable.push_back(fmt::format("{}: {}", at.string(), code.message()));
  };
  const fs::file_status status = fs::status(folder, code);
  if (code) {
    fail(folder);
  } else if (!fs::is_directory(status)) {
    found.push_back({folder, kind});
  }
  if (code || !fs::is_directory(status)) return found;
  std::vector<path> folders{folder};
  while (!folders.empty()) {
    const path at = std::move(folders.back());
    folders.pop_back();
    auto entry = fs::directory_iterator(at, code);
    if (code) fail(at);
    while (!code && entry != fs::end(entry)) {
      const path name = entry->path();
      std::error_code of_entry;
      if (is_hidden(name)) {
        // Left out.
      } else if (entry->is_directory(of_entry)) {
        if (!entry->is_symlink(of_entry)) folders.push_back(name);  // it could lead back here
      } else if (entry->is_regular_file(of_entry)) {
        found.push_back({name, kind});
      } else {
        unreadable.push_back(fmt::format("{}: is no file that can be read", name.string()));
      }
      entry.increment(code);
      if (code) fail(at);
    }
  }
  std::ranges::sort(found, {}, &MailFile::path);
  return found;
}

std::string Trial::name_of(const Tried& message) const {
  return name_of_message(files[message.file].path, message.message);
}

std::expected<Trial, std::string> try_set(const std::shared_ptr<const scan::SignatureSet>& set,
                                          std::vector<MailFile> files, unsigned jobs,
                                          const std::function<void(size_t done)>& progress) {
  std::vector<std::unique_ptr<Scanner>> scanners;
  for (unsigned i = 0; i < std::max(jobs, 1U); ++i) {
    scanners.push_back(std::make_unique<Scanner>(set));
    if (auto ready = scanners.back()->prepare(); !ready)
      return std::unexpected(std::move(ready.error()));
  }
  std::vector<FileNotes> notes(files.size());
  std::atomic<size_t> next = 0;
  std::mutex mutex;
  std::condition_variable ended;
  size_t done = 0;
  const auto start = Clock::now();
  {
    std::vector<std::jthread> threads;
    for (auto& scanner : scanners) {
      threads.emplace_back([&, scan = scanner.get()] {
        for (size_t i = next++; i < files.size(); i = next++) {
          notes[i] = scan->scan_file(files[i].path, static_cast<uint32_t>(i));
          const std::lock_guard lock(mutex);
          if (++done == files.size()) ended.notify_one();
        }
      });
    }
    std::unique_lock lock(mutex);
    while (!ended.wait_for(lock, kProgressEvery, [&] { return done == files.size(); })) {
      const size_t now = done;
      lock.unlock();
      progress(now);
      lock.lock();
    }
  }
  Trial trial{
      .files = std::move(files), .messages = {}, .unreadable = {}, .seconds = seconds_since(start)};
  for (FileNotes& of_file : notes) {
    std::ranges::move(of_file.messages, std::back_inserter(trial.messages));
    std::ranges::move(of_file.unreadable, std::back_inserter(trial.unreadable));
  }
  for (const auto& scanner : scanners) trial.scan_seconds += scanner->seconds();
  return trial;
}

}  // namespace postern::cli
