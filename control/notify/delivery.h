// How messages leave: into a spool, to a submission server, to a webhook.
//
// Each is tried until it says that the message was taken, so one that is taken just before a crash
// goes out twice. It is then the same octets under the same identity: the spool's file is the same
// file, a letter has the same Message-ID, a webhook the same webhook-id.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "control/ledger/customers.h"
#include "control/ledger/outbox.h"
#include "control/notify/settings.h"

namespace postern::notify {

struct Delivery {
  bool done = false;
  bool hopeless = false;     // not done, and another attempt would end the same
  bool way_is_down = false;  // not done, and not because of this message
  std::string text = {};     // what failed and what to do
};

// All of them: any thread. `stop`, when it becomes true, ends an attempt under way as failed.

// SPOOL/CREATED-IDENTITY.eml and, there before it, the same name with .json:
// {"envelope_from","envelope_to":[…],"case","message_id"}. The folder is made when it is not there.
Delivery put_into_spool(const ledger::OutboxMessage& message, const Settings& settings);

Delivery submit(const ledger::OutboxMessage& message, const Settings& settings,
                const std::atomic<bool>& stop);

// `secret`: empty: it is not signed. "whsec_…" is base64 of the key, anything else the key itself.
Delivery post(const ledger::OutboxMessage& message, const std::string& secret,
              const Settings& settings, uint64_t now_unix_s, const std::atomic<bool>& stop);

// "v1," and base64 of HMAC-SHA256 of "IDENTITY.TIMESTAMP.BODY", as standardwebhooks.com has it.
// Empty: the secret begins with "whsec_" and is no base64.
std::string webhook_signature(const std::string& secret, const std::string& identity,
                              uint64_t timestamp_unix_s, const std::string& body);

}  // namespace postern::notify
