#include "control/ledger/sqlite_customers.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "control/ledger/sqlite_audit.h"

namespace postern::ledger {
namespace {

using nlohmann::json;

constexpr std::string_view kCustomerColumns =
    "id, name, language, contacts, channels, limits, notes, created_at, changed_at";

// A field that is missing, or of another type, keeps what `value` was.
template <typename Value>
void take(const json& object, const char* name, Value& value) {
  if (!object.is_object()) return;
  const auto found = object.find(name);
  if (found == object.end()) return;
  try {
    value = found->get<Value>();
  } catch (const json::exception&) {
    return;
  }
}

std::string written(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string contacts_text(const Customer& customer) {
  json out = json::array();
  for (const Contact& contact : customer.contacts)
    out.push_back({{"name", contact.name}, {"email", contact.email}});
  return written(out);
}

std::string channels_text(const NotificationChannels& channels) {
  return written({{"email", channels.email},
                  {"arf", channels.arf},
                  {"xarf", channels.xarf},
                  {"webhook_url", channels.webhook_url},
                  {"webhook_secret", channels.webhook_secret},
                  {"digest_minutes", channels.digest_minutes}});
}

std::string limits_text(const CustomerLimits& limits) {
  return written({{"messages_per_day", limits.messages_per_day},
                  {"messages_per_minute", limits.messages_per_minute},
                  {"exempt", limits.exempt}});
}

// For the audit: all but the secret.
std::string summary(const Customer& customer) {
  json prefixes = json::array();
  for (const IpPrefix& prefix : customer.prefixes) prefixes.push_back(prefix.to_string());
  NotificationChannels channels = customer.channels;
  if (!channels.webhook_secret.empty()) channels.webhook_secret = "(set)";
  return written({{"id", customer.id},
                  {"name", customer.name},
                  {"language", customer.language},
                  {"contacts", json::parse(contacts_text(customer))},
                  {"prefixes", prefixes},
                  {"channels", json::parse(channels_text(channels))},
                  {"limits", json::parse(limits_text(customer.limits))},
                  {"notes", customer.notes}});
}

std::string select_customers(std::string_view where) {
  return fmt::format("SELECT {} FROM customers {}", kCustomerColumns, where);
}

}  // namespace

SqliteCustomers::SqliteCustomers(Connection& writer, Connection& reader)
    : writer_(writer),
      insert_(writer.database,
              "INSERT INTO customers (name, language, contacts, channels, limits, notes, "
              "created_at, changed_at) VALUES (?,?,?,?,?,?,?,?) RETURNING id"),
      update_(writer.database,
              "UPDATE customers SET name = ?, language = ?, contacts = ?, channels = ?, "
              "limits = ?, notes = ?, changed_at = ? WHERE id = ?"),
      remove_(writer.database, "DELETE FROM customers WHERE id = ?"),
      remove_prefixes_(writer.database, "DELETE FROM customer_prefixes WHERE customer = ?"),
      insert_prefix_(writer.database,
                     "INSERT INTO customer_prefixes (address, length, customer) VALUES (?,?,?)"),
      record_(writer.database, kInsertAudit),
      same_name_(writer.database, "SELECT id FROM customers WHERE name = ? AND id != ?"),
      prefix_owner_(writer.database,
                    "SELECT name FROM customers JOIN customer_prefixes ON customer = id "
                    "WHERE address = ? AND length = ? AND id != ?"),
      before_(writer.database, "SELECT name FROM customers WHERE id = ?"),
      reader_(reader),
      by_id_(reader.database, select_customers("WHERE id = ?")),
      by_name_(reader.database, select_customers("WHERE name = ?")),
      by_prefix_(reader.database,
                 "SELECT customer FROM customer_prefixes WHERE address = ? AND length = ?"),
      prefixes_(reader.database,
                "SELECT address, length FROM customer_prefixes WHERE customer = ? "
                "ORDER BY address, length"),
      all_(reader.database, select_customers("ORDER BY name")) {}

Customer SqliteCustomers::read(const Statement& row) {
  Customer out;
  out.id = static_cast<uint64_t>(row.number(0));
  out.name = row.text(1);
  out.language = row.text(2);
  const json contacts = json::parse(row.text(3), nullptr, /*allow_exceptions=*/false);
  if (contacts.is_array()) {
    for (const json& element : contacts) {
      Contact contact;
      take(element, "name", contact.name);
      take(element, "email", contact.email);
      out.contacts.push_back(std::move(contact));
    }
  }
  const json channels = json::parse(row.text(4), nullptr, /*allow_exceptions=*/false);
  take(channels, "email", out.channels.email);
  take(channels, "arf", out.channels.arf);
  take(channels, "xarf", out.channels.xarf);
  take(channels, "webhook_url", out.channels.webhook_url);
  take(channels, "webhook_secret", out.channels.webhook_secret);
  take(channels, "digest_minutes", out.channels.digest_minutes);
  const json limits = json::parse(row.text(5), nullptr, /*allow_exceptions=*/false);
  take(limits, "messages_per_day", out.limits.messages_per_day);
  take(limits, "messages_per_minute", out.limits.messages_per_minute);
  take(limits, "exempt", out.limits.exempt);
  out.notes = row.text(6);
  out.created_unix_s = static_cast<uint64_t>(row.number(7));
  out.changed_unix_s = static_cast<uint64_t>(row.number(8));
  for (prefixes_.with(out.id); prefixes_.step();) {
    out.prefixes.push_back({IpAddress::from_v6(prefixes_.address(0).data()),
                            static_cast<uint8_t>(prefixes_.number(1))});
  }
  return out;
}

Result<uint64_t> SqliteCustomers::put(const Customer& customer, const std::string& author,
                                      uint64_t now_unix_s) {
  if (customer.name.empty()) return std::unexpected("a customer needs a name");
  return alone_on(writer_, [&] {
    Transaction transaction(writer_.database);
    if (same_name_.with(customer.name, customer.id).step()) {
      same_name_.reset();
      throw SqliteError(
          fmt::format("there is a customer '{}' already: change that one, or choose another name",
                      customer.name));
    }
    for (const IpPrefix& prefix : customer.prefixes) {
      prefix_owner_.with(prefix.address.bytes(), uint32_t{prefix.length}, customer.id);
      if (!prefix_owner_.step()) continue;
      const std::string owner = prefix_owner_.text(0);
      prefix_owner_.reset();
      throw SqliteError(fmt::format("{} is registered to '{}': take it from that customer first",
                                    prefix.to_string(), owner));
    }
    Customer stored = customer;
    if (customer.id == 0) {
      insert_.with(customer.name, customer.language, contacts_text(customer),
                   channels_text(customer.channels), limits_text(customer.limits), customer.notes,
                   now_unix_s, now_unix_s);
      insert_.step();
      stored.id = static_cast<uint64_t>(insert_.number(0));
      insert_.reset();
    } else if (update_
                   .with(customer.name, customer.language, contacts_text(customer),
                         channels_text(customer.channels), limits_text(customer.limits),
                         customer.notes, now_unix_s, customer.id)
                   .run() == 0) {
      throw SqliteError("that customer is no more: somebody removed it");
    }
    remove_prefixes_.with(stored.id).run();
    for (const IpPrefix& prefix : customer.prefixes)
      insert_prefix_.with(prefix.address.bytes(), uint32_t{prefix.length}, stored.id).run();
    record_
        .with(now_unix_s, author, customer.id == 0 ? "customer added" : "customer changed",
              customer.name, summary(stored))
        .run();
    transaction.commit();
    return stored.id;
  });
}

Result<bool> SqliteCustomers::remove(uint64_t id, const std::string& author, uint64_t now_unix_s) {
  return alone_on(writer_, [&] {
    Transaction transaction(writer_.database);
    const std::string name = before_.with(id).step() ? before_.text(0) : "";
    before_.reset();
    if (name.empty()) return false;
    remove_prefixes_.with(id).run();
    remove_.with(id).run();
    record_.with(now_unix_s, author, "customer removed", name, "").run();
    transaction.commit();
    return true;
  });
}

Result<std::optional<Customer>> SqliteCustomers::find(uint64_t id) {
  return alone_on(reader_, [&]() -> std::optional<Customer> {
    if (!by_id_.with(id).step()) return std::nullopt;
    Customer found = read(by_id_);
    by_id_.reset();
    return found;
  });
}

Result<std::optional<Customer>> SqliteCustomers::named(const std::string& name) {
  return alone_on(reader_, [&]() -> std::optional<Customer> {
    if (!by_name_.with(name).step()) return std::nullopt;
    Customer found = read(by_name_);
    by_name_.reset();
    return found;
  });
}

Result<std::optional<Customer>> SqliteCustomers::owner_of(const IpAddress& address) {
  return alone_on(reader_, [&]() -> std::optional<Customer> {
    for (int length = address.is_v4() ? 32 : 128; length >= 0; --length) {
      const auto prefix = IpPrefix::containing(address, static_cast<uint8_t>(length));
      if (!by_prefix_.with(prefix.address.bytes(), uint32_t{prefix.length}).step()) continue;
      const auto id = static_cast<uint64_t>(by_prefix_.number(0));
      by_prefix_.reset();
      if (!by_id_.with(id).step()) return std::nullopt;
      Customer found = read(by_id_);
      by_id_.reset();
      return found;
    }
    return std::nullopt;
  });
}

Result<std::vector<Customer>> SqliteCustomers::all() {
  return alone_on(reader_, [&] {
    std::vector<Customer> found;
    for (all_.with(); all_.step();) found.push_back(read(all_));
    return found;
  });
}

}  // namespace postern::ledger
