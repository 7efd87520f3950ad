// Who the senders belong to, how they are told, and what they are allowed.
//
// A customer owns addresses and prefixes; no prefix is registered to two, and an address belongs to
// who has the most specific prefix around it. Every change is written with its row of the audit in
// one transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "control/ledger/result.h"

namespace postern::ledger {

struct Contact {
  std::string name = {};
  std::string email = {};
  bool operator==(const Contact&) const = default;
};

// How a customer is told. E-mail goes to all contacts; the others where they are set.
struct NotificationChannels {
  bool email = true;
  bool arf = true;    // the report with the sample is attached (RFC 5965)
  bool xarf = false;  // XARF v4 JSON is attached and posted
  std::string webhook_url = {};
  std::string webhook_secret = {};  // signs what is posted there (HMAC-SHA256)
  uint32_t digest_minutes = 60;     // at most one message in so long about a case; 0: every one
  bool operator==(const NotificationChannels&) const = default;
};

struct CustomerLimits {
  uint64_t messages_per_day = 0;     // what it is known to send: an allowance; 0: nothing is known
  uint32_t messages_per_minute = 0;  // throttled to this when the policy throttles; 0: the policy's
  bool exempt = false;               // the policy observes, and does nothing
  bool operator==(const CustomerLimits&) const = default;
};

struct Customer {
  uint64_t id = 0;  // 0: the ledger gives one
  std::string name = {};
  std::string language = "en";  // RFC 5646
  std::vector<Contact> contacts = {};
  std::vector<IpPrefix> prefixes = {};
  NotificationChannels channels = {};
  CustomerLimits limits = {};
  std::string notes = {};
  uint64_t created_unix_s = 0;
  uint64_t changed_unix_s = 0;
  bool operator==(const Customer&) const = default;
};

// Any thread.
class Customers {
 public:
  virtual ~Customers() = default;

  // Adds it, or replaces the one of that id. Returns the id. An error when its name or one of its
  // prefixes is another's.
  virtual Result<uint64_t> put(const Customer& customer, const std::string& author,
                               uint64_t now_unix_s) = 0;
  // False: there is none.
  virtual Result<bool> remove(uint64_t id, const std::string& author, uint64_t now_unix_s) = 0;
  virtual Result<std::optional<Customer>> find(uint64_t id) = 0;
  virtual Result<std::optional<Customer>> named(const std::string& name) = 0;
  // Whose address it is.
  virtual Result<std::optional<Customer>> owner_of(const IpAddress& address) = 0;
  // In the order of their names.
  virtual Result<std::vector<Customer>> all() = 0;
};

}  // namespace postern::ledger
