// Followed feeds in the ledger's file.
#pragma once

#include "control/ledger/connection.h"
#include "control/ledger/feeds.h"

namespace postern::ledger {

class SqliteFeeds final : public Feeds {
 public:
  // Both connections must outlive it. Throws SqliteError.
  SqliteFeeds(Connection& writer, Connection& reader);

  Result<void> follow(const FeedSource& source, const std::string& author,
                      uint64_t now_unix_s) override;
  Result<bool> leave(const std::string& name, const std::string& author,
                     uint64_t now_unix_s) override;
  Result<std::vector<FeedSource>> all() override;
  Result<void> note_reading(const FeedSource& source) override;

 private:
  Connection& writer_;
  Statement put_, remove_, note_, record_;
  Connection& reader_;
  Statement all_;
};

}  // namespace postern::ledger
