// Lists of ranges put in force as range exclusions: when somebody asks, and for followed feeds on a
// timer.
//
// A feed's exclusions are the verdicts of the switch range-exclusion whose author is "feed NAME".
// Importing makes them what the list says, in one version: new ones set, those no longer listed
// cleared. Exclusions that others set are left as they are. A list that is not whole, or has lost
// more than half of what is in force, changes nothing; a followed feed then says so (`postern feed
// list`, the log) and keeps what it had.
#pragma once

#include <atomic>
#include <condition_variable>
#include <expected>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "control/channel/operator.pb.h"
#include "control/feeds/feed.h"
#include "control/ledger/ledger.h"
#include "control/server/gates.h"
#include "control/server/verdict_changes.h"

namespace postern::server {

inline constexpr std::string_view kFeedAuthor = "feed ";  // and the feed's name

struct FeedImport {
  std::string name = {};
  channel::v1::Treatment treatment = channel::v1::TREATMENT_REFUSE;  // of what is listed
  std::vector<feeds::Entry> entries = {};  // none: the feed excludes nothing any more
  bool may_shrink = false;
  bool only_tell = false;  // changes nothing
};

struct ImportFailure {
  bool is_the_list = true;  // else the ledger's
  std::string why = {};
};

// Letters, digits, '-', '_' and '.', at most 60.
bool is_feed_name(std::string_view name);

// Any thread.
class FeedImports {
 public:
  // All three must outlive it.
  FeedImports(ledger::Ledger& ledger, Gates& gates, VerdictChanges& changes);
  ~FeedImports();

  std::expected<channel::v1::ImportFeedReply, ImportFailure> import(const FeedImport& feed);
  // Followed feeds that are due are looked at now.
  void look();

 private:
  struct Plan;
  std::expected<Plan, std::string> plan(const FeedImport& feed);
  void run();
  void read_due();
  ledger::FeedSource read(ledger::FeedSource source);

  ledger::Ledger& ledger_;
  Gates& gates_;
  VerdictChanges& changes_;
  std::mutex import_mutex_;  // one at a time: what is in force is read first

  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<bool> stopped_ = false;  // ends a download, too
  bool look_ = false;
  std::thread thread_;
};

}  // namespace postern::server
