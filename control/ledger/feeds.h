// Feeds that are followed: lists in files that others keep up to date, read again and again.
//
// What a feed excludes stands among the verdicts, by the author "feed NAME"; here is only where its
// list comes from and how the last reading ended. Following and leaving are written to the audit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/ledger/result.h"

namespace postern::ledger {

struct FeedSource {
  std::string name = {};
  std::string format = {};     // feeds::kFormatNames
  std::string path = {};       // absolute
  std::string treatment = {};  // of what is listed
  uint32_t every_s = 3600;
  // How the last reading ended.
  uint64_t read_unix_s = 0;       // 0: never
  uint64_t imported_unix_s = 0;   // the last time all was well
  uint64_t published_unix_s = 0;  // as the list says of itself; 0: it does not
  uint64_t entries = 0;           // in the list
  std::string problem = {};       // why the last reading changed nothing; empty: it went well
  bool operator==(const FeedSource&) const = default;
};

// Any thread.
class Feeds {
 public:
  virtual ~Feeds() = default;
  // Follows it from now on, in place of what was said of a feed of that name before.
  virtual Result<void> follow(const FeedSource& source, const std::string& author,
                              uint64_t now_unix_s) = 0;
  // False: it was not followed.
  virtual Result<bool> leave(const std::string& name, const std::string& author,
                             uint64_t now_unix_s) = 0;
  // By name.
  virtual Result<std::vector<FeedSource>> all() = 0;
  // Notes how a reading ended, unless the feed was left, or follows another list, meanwhile.
  virtual Result<void> note_reading(const FeedSource& source) = 0;
};

}  // namespace postern::ledger
