// A signature set tried on messages of which it is known what they are.
//
// Theory of operation. Files are found first, so that there is an end to progress towards; threads
// then take them one by one, each with a scan of its own, and note for each message score and
// rules. All figures are computed afterwards from these notes, in the order of the files: how many
// threads there were changes nothing but the time.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/cli/signatures/mail_files.h"
#include "dataplane/scan/scanner.h"

namespace postern::cli {

enum class Kind : uint8_t { kHam, kSpam };

struct MailFile {
  std::filesystem::path path;
  Kind kind;
};

struct Tried {
  uint32_t file = 0;     // among those given
  uint32_t message = 0;  // from 1, of several in a file; else 0
  double score = 0;
  uint64_t bytes = 0;
  uint32_t confirmations_cut = 0;
  std::vector<uint32_t> rules;  // all that it hits, sub-rules among them
};

struct Trial {
  std::vector<MailFile> files;
  std::vector<Tried> messages;  // in the order of the files
  Unreadable unreadable;
  double seconds = 0;       // from the first file to the last, reading included
  double scan_seconds = 0;  // of all threads together, for scanning alone

  Kind kind_of(const Tried& message) const { return files[message.file].kind; }
  // The file's name, with the message's number where there are several.
  std::string name_of(const Tried& message) const;
};

// `progress` is called from this thread some times a second with the number of files done. The
// error is that of a set that cannot be made ready.
std::expected<Trial, std::string> try_set(const std::shared_ptr<const scan::SignatureSet>& set,
                                          std::vector<MailFile> files, unsigned jobs,
                                          const std::function<void(size_t done)>& progress);

}  // namespace postern::cli
