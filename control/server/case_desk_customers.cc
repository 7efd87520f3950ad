#include <fmt/format.h>

#include <algorithm>

#include "control/server/answers.h"
#include "control/server/case_desk.h"
#include "control/server/clock.h"

namespace postern::server {
namespace {

using channel::v1::Customer;
using grpc::StatusCode;

constexpr int kMostContacts = 20;
constexpr int kMostPrefixes = 10'000;
constexpr size_t kLongestNotes = 10'000;
constexpr uint32_t kUsualRows = 100;
constexpr uint32_t kMostRows = 10'000;

Customer to_wire(const ledger::Customer& customer) {
  Customer out;
  out.set_id(customer.id);
  out.set_name(customer.name);
  out.set_language(customer.language);
  for (const ledger::Contact& contact : customer.contacts) {
    channel::v1::CustomerContact& row = *out.add_contacts();
    row.set_name(contact.name);
    row.set_email(contact.email);
  }
  for (const IpPrefix& prefix : customer.prefixes) out.add_prefixes(prefix.to_string());
  out.set_email(customer.channels.email);
  out.set_arf(customer.channels.arf);
  out.set_xarf(customer.channels.xarf);
  out.set_webhook_url(customer.channels.webhook_url);
  out.set_webhook_signed(!customer.channels.webhook_secret.empty());
  out.set_digest_minutes(customer.channels.digest_minutes);
  out.set_messages_per_day(customer.limits.messages_per_day);
  out.set_messages_per_minute(customer.limits.messages_per_minute);
  out.set_exempt(customer.limits.exempt);
  out.set_notes(customer.notes);
  out.set_created_unix_s(customer.created_unix_s);
  out.set_changed_unix_s(customer.changed_unix_s);
  return out;
}

// RFC 5321 4.1.2's Mailbox, as far as it matters here: something before and behind one last "@",
// and nothing that would end a header field or an address in one.
bool is_mailbox(std::string_view text) {
  const size_t at = text.rfind('@');
  return at != text.npos && at > 0 && at + 1 < text.size() && text.size() <= 254 &&
         std::ranges::none_of(text, [](char c) {
           return is_control(c) || c == ' ' || c == '<' || c == '>' || c == ',' || c == ';';
         });
}

std::expected<ledger::Customer, std::string> customer_asked_for(const Customer& request) {
  if (std::string objection = objection_to("name", request.name()); !objection.empty())
    return std::unexpected(objection);
  ledger::Customer out{.id = request.id(), .name = request.name(), .notes = request.notes()};
  if (!request.language().empty()) out.language = request.language();
  if (out.language.size() > 35 || std::ranges::any_of(out.language, is_control))
    return std::unexpected("the language is a tag such as \"en\" or \"de\"");
  if (request.contacts_size() > kMostContacts || request.prefixes_size() > kMostPrefixes) {
    return std::unexpected(fmt::format("a customer has at most {} contacts and {} prefixes",
                                       kMostContacts, kMostPrefixes));
  }
  for (const channel::v1::CustomerContact& contact : request.contacts()) {
    if (!is_mailbox(contact.email())) {
      return std::unexpected(fmt::format(
          "\"{}\" is no e-mail address: it looks like name@example.net", contact.email()));
    }
    if (std::ranges::any_of(contact.name(), is_control) || contact.name().size() > 200)
      return std::unexpected("a contact's name is one line of plain text");
    out.contacts.push_back({contact.name(), contact.email()});
  }
  for (const std::string& text : request.prefixes()) {
    const auto prefix = IpPrefix::parse(text);
    if (!prefix) return std::unexpected(prefix.error());
    out.prefixes.push_back(*prefix);
  }
  std::ranges::sort(out.prefixes);
  const auto same = std::ranges::unique(out.prefixes);
  out.prefixes.erase(same.begin(), same.end());
  const std::string& url = request.webhook_url();
  if (!url.empty() && ((!url.starts_with("https://") && !url.starts_with("http://")) ||
                       url.size() > 2'000 || std::ranges::any_of(url, is_control)))
    return std::unexpected("the webhook is an address that begins with https://");
  if (request.notes().size() > kLongestNotes)
    return std::unexpected(fmt::format("notes are {} bytes at most", kLongestNotes));
  out.channels = {.email = request.email(),
                  .arf = request.arf(),
                  .xarf = request.xarf(),
                  .webhook_url = url,
                  .webhook_secret = request.webhook_secret(),
                  .digest_minutes = request.digest_minutes()};
  out.limits = {.messages_per_day = request.messages_per_day(),
                .messages_per_minute = request.messages_per_minute(),
                .exempt = request.exempt()};
  return out;
}

}  // namespace

grpc::Status CaseDesk::PutCustomer(grpc::ServerContext*,
                                   const channel::v1::PutCustomerRequest* request,
                                   Customer* reply) {
  if (std::string objection = objection_to("author", request->author()); !objection.empty())
    return invalid(objection);
  auto customer = customer_asked_for(request->customer());
  if (!customer) return invalid(customer.error());
  if (customer->id != 0) {
    const auto there = ledger_.customers().find(customer->id);
    if (!there) return broken(there.error());
    if (!*there)
      return {StatusCode::NOT_FOUND, fmt::format("there is no customer {}", customer->id)};
    if (request->keep_webhook_secret())
      customer->channels.webhook_secret = (*there)->channels.webhook_secret;
  }
  const auto id = ledger_.customers().put(*customer, request->author(), unix_s());
  // What the ledger objects to is a name or a prefix that another has.
  if (!id) return invalid(id.error());
  const auto now = ledger_.customers().find(*id);
  if (!now) return broken(now.error());
  if (*now) *reply = to_wire(**now);
  return grpc::Status::OK;
}

grpc::Status CaseDesk::RemoveCustomer(grpc::ServerContext*,
                                      const channel::v1::RemoveCustomerRequest* request,
                                      channel::v1::RemoveCustomerReply*) {
  if (std::string objection = objection_to("author", request->author()); !objection.empty())
    return invalid(objection);
  const auto removed = ledger_.customers().remove(request->id(), request->author(), unix_s());
  if (!removed) return broken(removed.error());
  if (!*removed)
    return {StatusCode::NOT_FOUND, fmt::format("there is no customer {}", request->id())};
  return grpc::Status::OK;
}

grpc::Status CaseDesk::ListCustomers(grpc::ServerContext*, const channel::v1::ListCustomersRequest*,
                                     channel::v1::ListCustomersReply* reply) {
  const auto all = ledger_.customers().all();
  if (!all) return broken(all.error());
  for (const ledger::Customer& customer : *all) *reply->add_customers() = to_wire(customer);
  return grpc::Status::OK;
}

grpc::Status CaseDesk::ShowCustomer(grpc::ServerContext*,
                                    const channel::v1::ShowCustomerRequest* request,
                                    Customer* reply) {
  ledger::Result<std::optional<ledger::Customer>> found;
  if (request->id() != 0) {
    found = ledger_.customers().find(request->id());
  } else if (!request->name().empty()) {
    found = ledger_.customers().named(request->name());
  } else {
    const auto address = IpAddress::parse(request->address());
    if (!address) return invalid(address.error());
    found = ledger_.customers().owner_of(*address);
  }
  if (!found) return broken(found.error());
  if (!*found) {
    return {StatusCode::NOT_FOUND, request->address().empty()
                                       ? std::string("there is no such customer")
                                       : request->address() + " is nobody's address"};
  }
  *reply = to_wire(**found);
  return grpc::Status::OK;
}

grpc::Status CaseDesk::ListAudit(grpc::ServerContext*, const channel::v1::ListAuditRequest* request,
                                 channel::v1::ListAuditReply* reply) {
  const auto rows = ledger_.audit().entries(
      request->author(), request->subject(),
      std::min(request->limit() == 0 ? kUsualRows : request->limit(), kMostRows));
  if (!rows) return broken(rows.error());
  for (const ledger::AuditEntry& entry : *rows) {
    channel::v1::AuditRow& row = *reply->add_rows();
    row.set_at_unix_s(entry.at_unix_s);
    row.set_author(entry.author);
    row.set_action(entry.action);
    row.set_subject(entry.subject);
    row.set_detail(entry.detail);
  }
  return grpc::Status::OK;
}

}  // namespace postern::server
