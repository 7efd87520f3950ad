// The messages that tell of a case: a letter for each contact, and what is posted to a webhook.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "control/ledger/outbox.h"
#include "control/notify/case_facts.h"
#include "control/notify/letter.h"
#include "control/notify/settings.h"

namespace postern::notify {

// Any thread.
class NoticeWriter {
 public:
  // `case_url` gives the address of a case's page for people; empty: there is none.
  NoticeWriter(const Settings& settings, std::function<std::string(CaseReference)> case_url);

  // What happened (kHappenings' words, oldest first) to those of the audience; none, when nobody is
  // to be told. `entries_told` of the case's history are known to them.
  std::vector<ledger::OutboxMessage> write(const CaseFacts& facts, ledger::Audience audience,
                                           std::span<const std::string> what, uint32_t entries_told,
                                           uint64_t now_unix_s) const;
  // A letter about nothing, or, for a URL, what is posted there.
  ledger::OutboxMessage test(const std::string& to, uint64_t now_unix_s) const;

 private:
  struct Notice;
  Letter letter(const Notice& notice, const std::string& name, const std::string& address) const;
  nlohmann::ordered_json summary(const Notice& notice) const;

  const Settings& settings_;
  const std::function<std::string(CaseReference)> case_url_;
};

}  // namespace postern::notify
